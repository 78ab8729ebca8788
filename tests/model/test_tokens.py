"""The same ids in training, chat, evaluation and every served copy, whatever a tokenizer puts around a text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from adapter_builder import build_run
from file_builder import Conversation, Message, filled
from invented import conversation, lines
from stages import prepare
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from ventriloquist import merge
from ventriloquist.errors import ModelError
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.base import Base, load_tokenizer
from ventriloquist.model.corpus import load_corpus
from ventriloquist.model.grammar import LineGrammar
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.tokens import check_tokenizer, encode, sample_hash
from ventriloquist.transcript import render

torch.set_num_threads(1)
BOS = "<|endoftext|>"  # the id 0 of tiny's tokenizer


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("runs") / "built")


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "run"))


def change_tokenizer(folder: Path, **changes: Any) -> None:
    """Change the parts of a tokenizer.json: post_processor, normalizer, pre_tokenizer, truncation …"""
    path = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(path))
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    tokenizer.save(str(path))


def add_bos(folder: Path, *, eos: bool = False) -> None:
    """Have a tokenizer put BOS before a text as Llama's does, and EOS after it."""
    single = f"{BOS} $A {BOS}" if eos else f"{BOS} $A"
    template = processors.TemplateProcessing(single=single, special_tokens=[(BOS, 0)])
    change_tokenizer(folder, post_processor=processors.Sequence([processors.ByteLevel(), template]))


def text() -> str:
    return render(*conversation(9, seed=3))


@pytest.mark.parametrize("eos", [False, True])
def test_a_tokenizer_that_adds_bos_does_so_in_training_chat_and_the_merged_copy(
    run: Path, tmp_path: Path, home: Path, eos: bool
) -> None:
    add_bos(run / "base", eos=eos)
    adapter = load_adapter(run)
    tokenizer = adapter.tokenizer
    plain = encode(tokenizer, text())
    expected = [0, *plain]
    assert encode(tokenizer, text(), start=True) == expected

    said = lines(40, seed=4)
    with filled(home, [Conversation([Message(line.name, line.content) for line in said])]) as db:
        prepare(db)
        corpus = load_corpus(db, tokenizer, home / "tokens")
        ((window,),) = db.execute("SELECT text FROM rendered_windows WHERE split = 'train' LIMIT 1 OFFSET 20")
    (block,) = [
        block
        for block in corpus.blocks(corpus.conversations[0], "train", context=99, size=1, max_length=8192)
        if block.first_target == 20
    ]
    row = corpus.row(corpus.conversations[0], block, "train")
    assert row.tokens.tolist() == encode(tokenizer, window.rstrip("\n") + "\n", start=True)

    fed: list[int] = []
    session = LineWriter(adapter.model, tokenizer)
    inner = session.logits_after
    session.logits_after = lambda ids: fed.extend(ids if not fed else []) or inner(ids)  # type: ignore[method-assign]
    list(session.write([f"{line}\n" for line in text().split("\n") if line], ["Kim"]))
    assert fed[: len(expected)] == expected

    merge.run(merge.plan(run, tmp_path / "merged"))
    served = AutoTokenizer.from_pretrained(tmp_path / "merged")  # as vLLM, TRL and mlx-lm do
    assert served(text())["input_ids"] == expected
    of_the_file = Tokenizer.from_file(str(tmp_path / "merged" / "tokenizer.json"))
    assert of_the_file.encode(text()).ids == expected
    older = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "merged" / "tokenizer.json"))
    assert older(text())["input_ids"] == expected
    config = json.loads((tmp_path / "merged" / "tokenizer_config.json").read_text())
    assert (config["add_bos_token"], config["add_eos_token"]) == (True, False)  # what llama.cpp's converter reads
    assert encode(load_tokenizer(Base(str(tmp_path / "merged"))), text(), start=True) == expected


def test_a_tokenizer_that_adds_nothing_says_so_in_the_merged_copy(run: Path, tmp_path: Path) -> None:
    adapter = load_adapter(run)
    expected = encode(adapter.tokenizer, text())
    assert encode(adapter.tokenizer, text(), start=True) == expected
    merge.run(merge.plan(run, tmp_path / "merged"))
    assert AutoTokenizer.from_pretrained(tmp_path / "merged")(text())["input_ids"] == expected
    config = json.loads((tmp_path / "merged" / "tokenizer_config.json").read_text())
    assert (config["add_bos_token"], config["add_eos_token"]) == (False, False)


def test_a_merged_copy_says_what_training_did_where_the_two_files_of_a_tokenizer_differ(
    run: Path, tmp_path: Path
) -> None:
    path = run / "base" / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"add_bos_token": True}))
    adapter = load_adapter(run)
    expected = encode(adapter.tokenizer, text(), start=True)  # transformers goes by tokenizer.json
    assert expected == encode(adapter.tokenizer, text())
    merge.run(merge.plan(run, tmp_path / "merged"))
    assert AutoTokenizer.from_pretrained(tmp_path / "merged")(text())["input_ids"] == expected
    assert json.loads((tmp_path / "merged" / "tokenizer_config.json").read_text())["add_bos_token"] is False


def test_truncation_padding_and_dropout_in_a_tokenizer_cut_nothing_and_change_nothing(run: Path) -> None:
    base = Base(str(run / "base"))
    expected = encode(load_tokenizer(base), text())
    tokenizer = Tokenizer.from_file(str(run / "base" / "tokenizer.json"))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=4000)
    tokenizer.model.dropout = 0.9
    tokenizer.save(str(run / "base" / "tokenizer.json"))
    loaded = load_tokenizer(base)
    assert encode(loaded, text()) == expected
    assert [len(encoding.ids) for encoding in loaded.backend_tokenizer.encode_batch(["hey"] * 2)] == [
        len(encode(loaded, "hey"))
    ] * 2


def test_a_tokenizer_that_puts_other_tokens_around_a_text_is_refused(run: Path) -> None:
    template = processors.TemplateProcessing(single="a $A", special_tokens=[("a", 65)])
    change_tokenizer(run / "base", post_processor=template)
    with pytest.raises(ModelError, match="other special tokens than BOS and EOS"):
        load_tokenizer(Base(str(run / "base")))


def test_a_tokenizer_that_loses_characters_or_joins_lines_is_refused(run: Path, tmp_path: Path) -> None:
    base = Base(str(run / "base"))
    whole = (run / "base" / "tokenizer.json").read_text()
    change_tokenizer(run / "base", normalizer=normalizers.Lowercase())
    with pytest.raises(ModelError, match="does not decode"):
        load_adapter(run)
    (run / "base" / "tokenizer.json").write_text(whole)
    change_tokenizer(run / "base", pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True))
    with pytest.raises(ModelError, match=r"does not decode|encodes a line differently"):
        load_adapter(run)
    (run / "base" / "tokenizer.json").write_text(whole)
    change_tokenizer(run / "base", decoder=decoders.Fuse())
    with pytest.raises(ModelError, match="does not decode"):
        load_adapter(run)
    (run / "base" / "tokenizer.json").write_text(whole)
    check_tokenizer(load_tokenizer(base), 4096, "tiny")


def test_a_tokenizer_with_ids_beyond_the_vocabulary_is_refused(run: Path) -> None:
    tokenizer = Tokenizer.from_file(str(run / "base" / "tokenizer.json"))
    tokenizer.add_tokens(["zzyzx"])
    tokenizer.save(str(run / "base" / "tokenizer.json"))
    with pytest.raises(ModelError, match="tokens, the model"):
        load_adapter(run)


def test_a_token_beyond_the_vocabulary_that_no_line_can_hold_does_no_harm(run: Path) -> None:
    tokenizer = Tokenizer.from_file(str(run / "base" / "tokenizer.json"))
    tokenizer.add_special_tokens(["<image_soft_token>"])
    tokenizer.save(str(run / "base" / "tokenizer.json"))
    adapter = load_adapter(run)
    grammar = LineGrammar(adapter.tokenizer, adapter.model.config.vocab_size)
    assert grammar.begin(["Robin"]).allowed().shape == (adapter.model.config.vocab_size,)


def test_a_hash_of_a_sample_tells_tokenizers_apart_and_survives_a_copy(run: Path, tmp_path: Path) -> None:
    base = Base(str(run / "base"))
    plain = load_tokenizer(base)
    plain.save_pretrained(tmp_path / "copy")
    assert sample_hash(load_tokenizer(Base(str(tmp_path / "copy")))) == sample_hash(plain)
    add_bos(run / "base")
    assert sample_hash(load_tokenizer(base)) != sample_hash(plain)
