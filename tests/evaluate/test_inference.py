"""What an evaluation lets the models write and score, and what it keeps of that."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest
from adapter_builder import build_run, strengthen
from trained_run import (
    EXTENT,
    chat_key,
    contexts_of,
    evaluated,
    free_key,
    learnt,
)

from ventriloquist.evaluate import Evaluation, Extent
from ventriloquist.evaluate.cache import OutputCache
from ventriloquist.evaluate.examples import read_examples
from ventriloquist.evaluate.heldout import context_before, draw_for_writing, held_out_rows
from ventriloquist.evaluate.inference import MAX_NEW_TOKENS
from ventriloquist.layout import EVALUATION, RECORDS
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.corpus import load_corpus
from ventriloquist.model.generate import sample_lines
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.sampling import Sampling
from ventriloquist.store import Connection
from ventriloquist.store.corpus import data_hash
from ventriloquist.transcript import render_line


def test_the_base_model_writes_before_the_adapter_is_merged_into_it(
    trained: tuple[Connection, Path, Path], tmp_path: Path
) -> None:
    db, home, _ = trained
    run = learnt(db, strengthen(build_run(tmp_path / "two", window=9)))
    extent = Extent(likelihood=1, identity=1, validity=2, validity_context=1, thorough=True)
    evaluated(db, run, home=home, extent=extent)
    adapter = load_adapter(run)
    corpus = load_corpus(db, adapter.tokenizer, home / "tokens")
    rows = held_out_rows(db, corpus, adapter.manifest, adapter.manifest.held_out)
    targets = draw_for_writing([target for row in rows for target in row.targets], extent.validity, 0)
    contexts = contexts_of(db, corpus, adapter, targets, 1)
    prompts = ["".join(context) for context in contexts]
    written = OutputCache(run)
    for system in ("base", "adapter"):
        with adapter.disabled() if system == "base" else nullcontext():
            expected = sample_lines(adapter.model, adapter.tokenizer, prompts, max_new_tokens=MAX_NEW_TOKENS, seed=0)
        assert written.get(free_key(system, contexts)) == expected


def test_messages_are_written_by_the_writer_of_a_chat_with_its_sampling(
    trained: tuple[Connection, Path, Path], tmp_path: Path
) -> None:
    db, home, _ = trained
    run = learnt(db, strengthen(build_run(tmp_path / "three", window=9)))
    extent = Extent(likelihood=1, identity=1, validity=3, validity_context=None, thorough=True)
    evaluated(db, run, home=home, extent=extent, only=["voice"])
    adapter = load_adapter(run)
    corpus = load_corpus(db, adapter.tokenizer, home / "tokens")
    rows = held_out_rows(db, corpus, adapter.manifest, adapter.manifest.held_out)
    targets = draw_for_writing([target for row in rows for target in row.targets], extent.validity, 0)
    contexts = contexts_of(db, corpus, adapter, targets, adapter.manifest.window - 1)  # the whole window
    members = [target.conversation.members for target in targets]
    written = OutputCache(run)
    for system in ("base", "adapter"):
        with adapter.disabled() if system == "base" else nullcontext():
            sampling = Sampling() if system == "adapter" else Sampling(name_guidance=0)
            writer = LineWriter(adapter.model, adapter.tokenizer, sampling=sampling)
            unasked = writer.write_each(contexts, members, seed=0)
            assert written.get(chat_key(system, list(zip(contexts, members, strict=True)))) == [
                render_line(line) for line in unasked
            ]
            again = [
                (context, [target.line.name])
                for context, target, line in zip(contexts, targets, unasked, strict=True)
                if line.name != target.line.name
            ]
            if again:
                expected = writer.write_each([context for context, _ in again], [names for _, names in again], seed=0)
                assert written.get(chat_key(system, again)) == [render_line(line) for line in expected]


def test_what_is_written_after_fits_into_the_adapters_window(trained: tuple[Connection, Path, Path]) -> None:
    db, home, run = trained
    adapter = load_adapter(run)
    corpus = load_corpus(db, adapter.tokenizer, home / "tokens")
    target = held_out_rows(db, corpus, adapter.manifest, {})[-1].targets[-1]

    def context(room: int) -> str:
        return "".join(context_before(db, corpus, target, 99, room))

    def tokens(room: int) -> int:
        return len(adapter.tokenizer(context(room), add_special_tokens=False)["input_ids"])

    everything = tokens(1_000_000)
    header = tokens(0)  # the header stays
    assert header < 200 < everything
    assert all(header <= tokens(room) <= room for room in (header, 200, 300, everything - 1))
    assert context(everything) == context(1_000_000)


def test_a_second_evaluation_writes_and_scores_nothing_again_and_says_the_same(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    db, home, run = trained
    kept = (run / EVALUATION / RECORDS).read_bytes()
    assert evaluated(db, run, home=home, extent=EXTENT) == evaluation
    assert (run / EVALUATION / RECORDS).read_bytes() == kept


def test_an_evaluation_that_was_stopped_goes_on_with_what_it_has(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    db, home, run = trained
    path = run / EVALUATION / RECORDS
    whole = path.read_bytes()
    path.write_bytes(whole[: -len(whole) // 8])
    assert evaluated(db, run, home=home, extent=EXTENT) == evaluation
    assert len(path.read_bytes()) >= len(whole)


def test_a_line_of_another_name_is_written_again_with_the_persons_and_one_without_typed_text_is_no_message(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    examples = read_examples(trained[2], data_hash(trained[0]))
    assert [example.adapter for example in examples if example.adapter.startswith("as myself")] == [
        f"as myself {number}" for number in (0, 3, 6, 9)
    ]
    assert {example.adapter for example in examples if example.adapter.startswith("when asked")} == {
        f"when asked {number}" for number in (1, 5, 7, 11)
    }
    assert len(examples) == 8
    assert evaluation.metrics["validity"].value == pytest.approx(4 / 12)
    assert evaluation.metrics["lengths"].n == 8


def test_what_was_written_in_another_number_type_is_written_again(
    trained: tuple[Connection, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, home, _ = trained
    run = learnt(db, build_run(tmp_path / "three", window=9))
    extent = Extent(likelihood=1, identity=1, validity=2, validity_context=1)
    evaluated(db, run, home=home, extent=extent, only=["likelihood", "validity"])
    kept = (run / EVALUATION / RECORDS).read_text(encoding="utf-8").splitlines()
    monkeypatch.setattr("ventriloquist.model.adapter.writes_faster_in_bfloat16", lambda *_: True)
    for _ in range(2):
        evaluated(db, run, home=home, extent=extent, only=["likelihood", "validity"])
        again = (run / EVALUATION / RECORDS).read_text(encoding="utf-8").splitlines()
        assert again[: len(kept)] == kept
        assert len(again) == len(kept) + 1  # the adapter's lines; scores are in 32 bits as before
