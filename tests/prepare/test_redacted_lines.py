"""Secrets in what prepare writes: lines, quotes that are cut, names of files, tokens, and the adapter's own files."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_builder import DAY, NOON, Conversation, Message, Reaction, filled
from hypothesis import given, settings
from hypothesis import strategies as st
from stages import prepare

from prepare.test_redact import texts
from ventriloquist.prepare import PrepareOptions
from ventriloquist.prepare.redact import KINDS, build_redactor
from ventriloquist.store import Connection

OWNER = "Aidan Allchin"
SECRETS = ["+14155550132", "a.b@example.com", "4111111111111111", "tulip77x", "482913", "14 Larkspur Lane"]


def contents(db: Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT content FROM training_messages ORDER BY position")]


def conversation_of_secrets() -> Conversation:
    """Each secret in a text, in a quote, in the name of a file, and once more where nothing gives it away."""
    messages = [
        Message("Sam", f"call {SECRETS[0]} or {SECRETS[1]}", guid="first"),
        Message(OWNER, "ok", reply_to="first"),
        Message("Sam", f"card {SECRETS[2]}\nwifi password is {SECRETS[3]}"),
        Message("Sam", f"{SECRETS[3]} works? the code is {SECRETS[4]}", guid="second"),
        Message(OWNER, f"{SECRETS[4]} it is, come to {SECRETS[5]}", reply_to="second"),
        Message("Sam", None, attachments=[(None, f"{SECRETS[0]}.pdf", None), ("audio/amr", None, f"to {SECRETS[1]}")]),
        *(Message(OWNER if index % 3 else "Sam", f"line {index}") for index in range(40)),
    ]
    return Conversation(messages, reactions=[Reaction("Sam", "second", sent_at=NOON + DAY)])


@st.composite
def hostile_chats(draw: st.DrawFn) -> Conversation:
    """Make messages of pieces of secrets, so long that quotes of them are cut anywhere."""
    said = draw(st.lists(st.tuples(st.sampled_from(["", "so ", "x" * 45 + " ", "y" * 55]), texts), max_size=6))
    messages: list[Message] = []
    for index, (start, text) in enumerate(said):
        attachments = [(None, text, None), ("audio/amr", None, text)] if draw(st.booleans()) else []
        messages.append(Message("Sam", start + text, guid=str(index), reply_to=str(index - 1), attachments=attachments))
    return Conversation(messages, reactions=[Reaction("Sam", str(index), sent_at=NOON) for index in range(len(said))])


@settings(max_examples=25, deadline=None)
@given(hostile_chats())
def test_redacting_a_finished_line_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, chat: Conversation
) -> None:
    with filled(tmp_path_factory.mktemp("home"), [chat]) as db:
        if chat.messages:
            prepare(db, PrepareOptions(reactions=True))
        redact = build_redactor(db, None, ())
        for content in contents(db):
            assert redact(content) == content


def test_a_quote_is_cut_after_its_secrets_are_replaced(home: Path) -> None:
    text = "this is a rather long sentence that ends with a.b@example.com"
    with filled(home, [Conversation([Message("Sam", text, guid="a"), Message(OWNER, "ok", reply_to="a")])]) as db:
        prepare(db)
        assert contents(db)[1] == f'[replying to "{text[:46]}[email]"] ok'


def test_a_cut_that_makes_a_secret_of_a_harmless_number_is_noticed(home: Path) -> None:
    text = "the factory has made exactly this many of them: 212-555-0134.5 km"
    assert text[:60].endswith("212-555-0134")
    with filled(home, [Conversation([Message("Sam", text, guid="a"), Message(OWNER, "ok", reply_to="a")])]) as db:
        prepare(db)
        assert contents(db) == [text, f'[replying to "{text[:48]}[phone]…"] ok']


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_kind_that_was_asked_for_is_replaced(home: Path, kind: str) -> None:
    with filled(home, [conversation_of_secrets()]) as db:
        redacted = prepare(db, PrepareOptions(redact=(kind,))).redacted
        assert set(redacted) <= {kind}
        everything = "\n".join(contents(db))
        assert [other for other in KINDS if f"[{other}]" in everything] == list(redacted)


def test_without_redaction_everything_stays(home: Path) -> None:
    with filled(home, [conversation_of_secrets()]) as db:
        assert prepare(db, PrepareOptions(redact=())).redacted == {}
        assert all(secret in "\n".join(contents(db)) for secret in SECRETS)


@pytest.mark.slow
def test_nothing_that_was_redacted_is_in_a_file_that_training_leaves_nor_in_its_tokens(home: Path) -> None:
    pytest.importorskip("torch")
    from stages import train
    from transformers import AutoTokenizer

    from ventriloquist.model.corpus import load_corpus
    from ventriloquist.train import preset

    with filled(home, [conversation_of_secrets()]) as db:
        prepare(db, PrepareOptions(reactions=True))
        quick = preset("tiny").changed(max_steps=1, max_length=512, targets_per_window=4, context=4, window=5, rank=2)
        run = Path(train(db, quick, home=home).run)
        tokenizer = AutoTokenizer.from_pretrained(run / "base")
        corpus = load_corpus(db, tokenizer, home / "tokens")
    files = [path for path in home.rglob("*") if path.is_file() and not path.name.startswith("ventriloquist.")]
    assert {"tokens.npy", "manifest.json", "tokenizer.json"} <= {path.name for path in files}
    said = tokenizer.decode(corpus.tokens)
    assert said.count("[phone]") >= 3
    for secret in SECRETS:
        assert secret not in said
        assert [path for path in files if secret.encode() in path.read_bytes()] == []
