"""Tokens once: slices of the memory map are what tokenising the document would have given, with every tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from file_builder import Conversation, Message, filled
from gguf import GGUFReader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invented import HOSTILE_CONTENTS, HOSTILE_NAMES, lines
from qwen import LATER, SPECIAL, qwen_tokenizer
from stages import prepare

from ventriloquist.model import smollm2
from ventriloquist.model.base import Base, load_tokenizer
from ventriloquist.model.corpus import load_corpus
from ventriloquist.store import Connection, transaction
from ventriloquist.transcript import DELTAS, Header, Line, content_span, parse_line, render_header, render_line
from ventriloquist.windows import Block

TOKENIZERS = ("smollm2", "qwen")


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    gguf_file = smollm2.find_gguf()
    assert gguf_file is not None
    folder = tmp_path_factory.mktemp("smollm2")
    smollm2.write_tokenizer(smollm2.read_fields(GGUFReader(gguf_file)), folder)
    return {"smollm2": load_tokenizer(Base(str(folder))), "qwen": qwen_tokenizer()}


words = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60)
written = words | st.sampled_from([*HOSTILE_CONTENTS, *SPECIAL, *LATER, "</think>\n", "\u0301combining", "   ", "\t"])
names = st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12) | st.sampled_from(
    HOSTILE_NAMES
)
documents = st.lists(st.builds(Line, names, st.sampled_from(DELTAS), written), min_size=1, max_size=8)


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents)
def test_the_tokens_of_lines_are_the_tokens_of_their_document(
    name: str, document: list[Line], tokenizers: dict[str, Any]
) -> None:
    tokenizer = tokenizers[name]
    header = render_header(Header("dm", (document[0].name, "Kim"), "2024-03-15")) + "\n"
    parts = [header, *(render_line(line) + "\n" for line in document)]
    one_by_one = [id for part in parts for id in tokenizer(part, add_special_tokens=False)["input_ids"]]
    assert one_by_one == tokenizer("".join(parts), add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents)
def test_nothing_that_a_person_types_becomes_a_special_token(
    name: str, document: list[Line], tokenizers: dict[str, Any]
) -> None:
    tokenizer = tokenizers[name]
    added = {tokenizer.convert_tokens_to_ids(token) for token in tokenizer.get_added_vocab()}
    for line in document:
        assert not added & set(tokenizer(render_line(line) + "\n", add_special_tokens=False)["input_ids"])


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_row_is_the_rendered_window_tokenised(
    name: str, tokenizers: dict[str, Any], hostile: Connection, home: Path
) -> None:
    corpus = load_corpus(hostile, tokenizers[name], home / "tokens")
    windows = dict(hostile.execute("SELECT id, text FROM rendered_windows"))
    spans = hostile.execute(
        "SELECT id, conversation_id, first_position, target_position FROM training_windows WHERE split = 'train'"
    ).fetchall()
    assert spans
    for id, conversation_id, first, target in spans:
        conversation = next(c for c in corpus.conversations if c.id == conversation_id)
        row = corpus.row(conversation, Block(first, target, target + 1), "train")
        assert row.tokens.tolist() == corpus.tokenizer(windows[id], add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_the_content_begins_where_its_string_does(
    name: str, tokenizers: dict[str, Any], hostile: Connection, home: Path
) -> None:
    corpus = load_corpus(hostile, tokenizers[name], home / "tokens")
    for conversation in corpus.conversations:
        for position in range(conversation.messages):
            tokens = corpus.line_tokens(conversation, position).tolist()
            start = corpus.content_start(conversation, position)
            line = parse_line(corpus.tokenizer.decode(tokens).removesuffix("\n"))
            _, content = content_span(line)
            assert len(corpus.tokenizer.decode(tokens[:start])) <= content
            assert len(corpus.tokenizer.decode(tokens[: start + 1])) > content


def test_lines_are_tokenised_once_for_data_and_tokenizer(
    tokenizers: dict[str, Any], hostile: Connection, home: Path
) -> None:
    counted: list[int] = []
    load_corpus(hostile, tokenizers["qwen"], home / "tokens", lambda done, _total: counted.append(done))
    assert counted
    counted.clear()
    load_corpus(hostile, tokenizers["qwen"], home / "tokens", lambda done, _total: counted.append(done))
    assert not counted
    other = load_corpus(hostile, tokenizers["smollm2"], home / "tokens", lambda done, _total: counted.append(done))
    assert counted
    assert other.data_hash == load_corpus(hostile, tokenizers["qwen"], home / "tokens").data_hash


def test_changed_data_are_tokenised_anew_and_the_old_tokens_go(
    tokenizers: dict[str, Any], hostile: Connection, home: Path
) -> None:
    before = load_corpus(hostile, tokenizers["smollm2"], home / "tokens")
    with transaction(hostile):
        hostile.execute("UPDATE training_messages SET line = replace(line, 'tea', 'rum')")
    after = load_corpus(hostile, tokenizers["smollm2"], home / "tokens")
    assert after.data_hash != before.data_hash
    assert len(list((home / "tokens").iterdir())) == 1


def test_a_cache_that_a_killed_run_left_half_written_is_not_used(
    tokenizers: dict[str, Any], hostile: Connection, home: Path
) -> None:
    whole = load_corpus(hostile, tokenizers["smollm2"], home / "tokens")
    folder = next((home / "tokens").iterdir())
    expected = whole.tokens.tolist()
    (folder / "tokens.npy").rename(folder / "tokens.raw")
    folder.rename(folder.with_suffix(".partial"))
    assert load_corpus(hostile, tokenizers["smollm2"], home / "tokens").tokens.tolist() == expected


@pytest.fixture
def hostile(home: Path) -> Any:
    """Yield prepared conversations in which people are called, and write, what breaks lesser formats."""
    said = [line.content for line in lines(60, seed=3)] + list(HOSTILE_CONTENTS)
    conversation = Conversation(
        [Message(HOSTILE_NAMES[i % len(HOSTILE_NAMES)], text) for i, text in enumerate(said)], type="group"
    )
    with filled(home, [conversation]) as db:
        prepare(db)
        yield db
