"""`evaluate` from end to end with `tiny`, and its report."""

from __future__ import annotations

import html
import html.parser
import json
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from adapter_builder import build_run, strengthen
from file_builder import Conversation, Message, chat, filled
from invented import NAMES, lines
from stages import prepare

from ventriloquist import evaluate
from ventriloquist.errors import ModelError, NotReadyError, UnknownNameError
from ventriloquist.evaluate import METRICS, Evaluation, Extent
from ventriloquist.evaluate.cache import OutputCache, key_of
from ventriloquist.evaluate.examples import read_examples
from ventriloquist.evaluate.heldout import Target, context_before, draw_for_writing, held_out_rows
from ventriloquist.evaluate.inference import MAX_NEW_TOKENS
from ventriloquist.evaluate.learning_curve import FEW_PEOPLE, MIN_TESTED
from ventriloquist.evaluate.report import render, write_report
from ventriloquist.evaluate.stage import ON_FINAL_WINDOWS
from ventriloquist.evaluate.words import headline
from ventriloquist.layout import EVALUATION, MANIFEST, RECORDS
from ventriloquist.model.adapter import Adapter, load_adapter
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.model.generate import sample_lines
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.manifest import read_manifest
from ventriloquist.model.sampling import MAX_TOKENS, Sampling, context_tokens
from ventriloquist.prepare import PrepareOptions
from ventriloquist.records import Progress
from ventriloquist.store import Connection
from ventriloquist.store.corpus import data_hash
from ventriloquist.store.counts import counts_by_person
from ventriloquist.transcript import Line, render_line

torch.set_num_threads(1)
EXTENT = Extent(likelihood=None, identity=8, validity=12, validity_context=2, ranking=4, thorough=True)
HOSTILE = '<script>alert(1)</script> \x1b[31m "Sam" & <b>'
EVIL = '"><img src=x onerror=alert(1)><svg/onload=alert(2)>\x1b]52;c;aGk=\x07 \u202egnp.exe </style><script>'
OWNER, *OTHERS = NAMES


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Path, Path]]:
    """Return a database, its home, and a run that writes valid lines; one person's name and words mean no good."""
    home = tmp_path_factory.mktemp("trained") / "home"
    conversations = [
        Conversation(
            [
                Message(OWNER if i % 2 else name, f"{EVIL} {i}" if name == HOSTILE and i % 6 == 0 else line.content)
                for i, line in enumerate(lines(120, seed=n))
            ]
        )
        for n, name in enumerate((*OTHERS, HOSTILE))
    ]
    with filled(home, conversations, owner=OWNER) as db:
        prepare(db, PrepareOptions(holdout=24))
        run = learnt(db, build_run(home / "runs" / "one", window=9))
        write_lines(db, home, run)
        yield db, home, run


def evaluated(db: Connection, run: Path, **options: Any) -> Evaluation:
    return evaluate.run(db, evaluate.plan(db, run, **options))


def learnt(db: Connection, run: Path) -> Path:
    """Mark in a run's manifest what it has never seen."""
    held_out = db.execute(
        "SELECT conversation_id, min(position) FROM training_messages WHERE split != 'train' GROUP BY conversation_id"
    )
    read_manifest(run).model_copy(update={"held_out": dict(held_out.fetchall())}).write(run)
    return run


def write_lines(db: Connection, home: Path, run: Path) -> None:
    """Put lines into the run's store as a trained adapter would write them; the tiny model writes no valid one."""
    adapter = load_adapter(run)
    corpus = load_corpus(db, adapter.tokenizer, home / "tokens")
    targets = [
        target
        for row in held_out_rows(db, corpus, adapter.manifest, adapter.manifest.held_out)
        for target in row.targets
    ]
    drawn = draw_for_writing(targets, EXTENT.validity, 0)
    contexts = contexts_of(db, corpus, adapter, drawn, EXTENT.validity_context or 0)
    free, unasked, given, again = [], [], [], []
    for number, (target, before) in enumerate(zip(drawn, contexts, strict=True)):
        name = target.line.name
        free.append(render_line(Line(name, "<1m", "x")) if number % 3 == 0 else "no line at all")
        own = number % 3 == 0
        unasked.append(render_line(Line(name if own else other_member(target), "<1m", f"as myself {number}")))
        if not own:
            given.append([before, [name]])
            again.append(render_line(Line(name, "<5m", f"when asked {number}" if number % 2 else '[replying to "x"] ')))
    asked = [[before, target.conversation.members] for before, target in zip(contexts, drawn, strict=True)]
    store = OutputCache(run)
    for system in ("adapter", "base"):
        store.put(free_key(system, contexts), free)
        store.put(chat_key(system, asked), unasked)
        store.put(chat_key(system, given), again)


def contexts_of(db: Connection, corpus: Corpus, adapter: Adapter, targets: list[Target], messages: int) -> list[Any]:
    room = context_tokens(adapter.manifest.max_length)
    return [context_before(db, corpus, target, messages, room) for target in targets]


def other_member(target: Target) -> str:
    return next(name for name in target.conversation.members if name != target.line.name)


def free_key(system: str, contexts: list[Any]) -> str:
    return key_of("free lines", system, 0, (MAX_NEW_TOKENS, asdict(Sampling())), ["".join(one) for one in contexts])


def chat_key(system: str, asked: list[Any]) -> str:
    return key_of("chat lines", system, 0, (asdict(Sampling()), MAX_TOKENS), asked)


@pytest.fixture(scope="module")
def evaluation(trained: tuple[Connection, Path, Path]) -> Evaluation:
    db, home, run = trained
    return evaluated(db, run, home=home, extent=EXTENT)


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
            writer = LineWriter(adapter.model, adapter.tokenizer, sampling=Sampling())
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


def test_everything_that_is_held_out_is_scored(trained: tuple[Connection, Path, Path], evaluation: Evaluation) -> None:
    held_out = (
        trained[0]
        .execute("SELECT count(*) FROM training_messages WHERE split = 'test' AND kind = 'text'")
        .fetchone()[0]
    )
    assert evaluation.held_out == held_out == evaluation.division["tested on"]
    assert evaluation.metrics["likelihood"].n == evaluation.metrics["timing"].n == held_out
    assert sum(of_person["likelihood"].n for of_person in evaluation.people.values()) == held_out
    assert evaluation.final_windows["timing"].n == 6  # three conversations
    assert set(evaluation.metrics["identity"].detail["candidates"]) == {*NAMES, HOSTILE}
    assert evaluation.metrics["identity"].n == 8
    assert evaluation.metrics["validity"].n == 12
    assert evaluation.metrics["ranking"].n == evaluation.metrics["identity_in_context"].n == 4


def test_the_judge_reads_neither_what_is_trained_on_nor_what_is_tested(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    counts = dict(
        trained[0]
        .execute("SELECT coalesce(split, 'train'), count(*) FROM training_messages WHERE kind = 'text' GROUP BY 1")
        .fetchall()
    )
    assert list(evaluation.division.values()) == [counts["train"], counts["validation"], counts["test"]]


def test_each_metric_is_measured_or_it_is_said_why_not(evaluation: Evaluation) -> None:
    assert {*evaluation.metrics, *evaluation.not_measured} == set(METRICS)
    assert set(evaluation.final_windows) <= set(ON_FINAL_WINDOWS)
    for name, result in evaluation.metrics.items():
        if result.n < METRICS[name].minimum:
            assert result.verdict == "not enough data"
    assert evaluation.metrics["likelihood"].low is not None
    assert {"chance", "ngram", "shuffled", "base"} <= set(evaluation.metrics["identity"].baselines)
    assert evaluation.metrics["identity"].baselines["chance"] == pytest.approx(1 / 4)


def test_the_learning_curve_counts_what_the_run_read_of_each_person(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation, tmp_path: Path
) -> None:
    db, home, run = trained
    run = shutil.copytree(run, tmp_path / "run")
    curve = evaluation.learning_curve
    assert curve is not None
    assert curve.reason == FEW_PEOPLE  # eight messages are scored
    more = replace(EXTENT, identity=None)
    curve = evaluated(db, run, home=home, only=["name_information"], extent=more).learning_curve
    assert curve is not None
    written = {one.name: one.train for one in counts_by_person(db)}
    assert curve.people
    for name, one in curve.people.items():
        assert 0 < one.messages <= written[name]
        assert one.n >= MIN_TESTED
    assert evaluated(db, run, home=home, only=["timing"]).learning_curve is None


def test_no_message_stands_in_the_result(trained: tuple[Connection, Path, Path], evaluation: Evaluation) -> None:
    said = {content for (content,) in trained[0].execute("SELECT content FROM training_messages") if len(content) > 20}
    text = json.dumps(asdict(evaluation), ensure_ascii=False)
    assert not [content for content in said if json.dumps(content, ensure_ascii=False)[1:-1] in text]


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


def test_only_what_is_asked_for_is_measured(trained: tuple[Connection, Path, Path]) -> None:
    db, home, run = trained
    result = evaluated(db, run, home=home, extent=EXTENT, only=["timing"])
    assert list(result.metrics) == ["timing"]
    assert list(result.final_windows) == ["timing"]


def test_what_cannot_be_measured_is_refused_by_the_plan(trained: tuple[Connection, Path, Path], tmp_path: Path) -> None:
    db, home, run = trained
    with pytest.raises(UnknownNameError, match="timeing"):
        evaluate.plan(db, run, home=home, only=["timeing"])
    shutil.copy(run / MANIFEST, tmp_path)
    with pytest.raises(ModelError, match="has no adapter_model"):
        evaluate.plan(db, run, home=home, against=tmp_path)


def test_an_adapter_that_has_learnt_nothing_is_no_better_than_its_base_or_another_one(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    db, home, run = trained
    assert evaluation.metrics["likelihood"].value == pytest.approx(0, abs=1e-6)
    assert evaluation.metrics["likelihood"].verdict == "no better than the floor"
    assert evaluation.rejected_by == ()  # of so few messages nothing is said
    twin = home / "runs" / "two"
    if not twin.exists():
        shutil.copytree(run, twin)
    stages: list[str] = []
    advances: list[tuple[str, int, int]] = []

    def stage(name: str) -> Progress:
        stages.append(name)
        return lambda done, total: advances.append((name, done, total))

    plan = evaluate.plan(db, run, home=home, extent=EXTENT, only=["likelihood", "validity"], against=twin)
    comparison = evaluate.run(db, plan, stage=stage).comparison
    for name in ("Scoring", "Writing without a grammar"):  # the total is known before the first batch is done
        assert next((done, total > 0) for what, done, total in advances if what == name) == (0, True)
    assert stages.count("Tokenising") == 2
    assert stages.count("Loading the model with transformers") == 2  # each run is loaded once
    assert comparison is not None
    assert comparison.against == "two"
    assert comparison.metrics["likelihood"].outcome == "undecided"


def test_two_runs_are_compared_on_what_neither_has_seen(trained: tuple[Connection, Path, Path]) -> None:
    db, home, run = trained
    later = shutil.copytree(run, home / "runs" / "later")
    boundaries = {id: first + 30 for id, first in read_manifest(run).held_out.items()}
    read_manifest(run).model_copy(update={"held_out": boundaries}).write(later)
    alone, both, turned = (
        evaluated(db, first, home=home, extent=EXTENT, only=["likelihood"], against=second)
        for first, second in ((later, None), (run, later), (later, run))
    )
    assert (
        alone.held_out
        == both.held_out
        == turned.held_out
        < evaluated(db, run, home=home, extent=EXTENT, only=["timing"]).held_out
    )
    assert both.metrics["likelihood"].n == turned.metrics["likelihood"].n == both.held_out


def test_changed_data_is_a_note_and_what_was_trained_on_is_never_scored(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    db, home, run = trained
    prepared = prepare(db, PrepareOptions(holdout=50))
    assert prepared.test > evaluation.held_out
    try:
        result = evaluated(db, run, home=home, extent=replace(EXTENT, likelihood=1), only=["likelihood"])
    finally:
        prepare(db, PrepareOptions(holdout=24))
    assert result.changed_data
    assert result.held_out == evaluation.held_out * 2 < prepared.test
    trained_on = read_manifest(run).held_out
    assert result.division["trained on"] <= sum(trained_on.values())


def test_without_anything_held_out_there_is_nothing_to_say(trained: tuple[Connection, Path, Path], home: Path) -> None:
    _, _, run = trained
    with filled(home, [chat("hi", "ho")]) as db:
        prepare(db)
        with pytest.raises(NotReadyError, match="held out"):
            evaluated(db, run, home=home, extent=EXTENT)


def test_another_transcript_format_is_refused(trained: tuple[Connection, Path, Path], tmp_path: Path) -> None:
    db, home, run = trained
    other = tmp_path / "other"
    other.mkdir()
    manifest = (run / "manifest.json").read_text().replace('"format_version": 1', '"format_version": 0')
    (other / "manifest.json").write_text(manifest)
    with pytest.raises(ModelError, match="format 0"):
        evaluated(db, other, home=home)


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_report_of_a_hostile_history_is_harmless(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation, tmp_path: Path
) -> None:
    db, _, run = trained
    examples = read_examples(run, data_hash(db))
    assert examples
    whole = replace(examples[0], real=EVIL, adapter="x" * 10_000_000, base=None, before=[(HOSTILE, EVIL)])
    path = tmp_path / "report.html"
    write_report(evaluation, path, manifest=read_manifest(run), examples=[*examples, whole])
    page = path.read_text(encoding="utf-8")
    assert page == render(evaluation, manifest=read_manifest(run), examples=[*examples, whole])
    tags = Tags()
    tags.feed(page)
    assert not tags.seen & {"script", "img", "b" * 2, "iframe", "object", "link", "form", "base"}
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert all(address.startswith("#") for address in tags.addresses)
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page
    assert page.count("</style>") == 1
    assert not {"\x1b", "\x07", "\u202e"} & set(page)
    assert len(page) < 2_000_000
    assert path.stat().st_mode & 0o077 == 0


def test_the_report_begins_with_a_sentence_and_with_what_was_really_written(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    db, _, run = trained
    examples = read_examples(run, data_hash(db))
    page = render(evaluation, examples=examples)
    assert html.escape(headline(evaluation)) in page
    order = ["<p class=headline>", "id=examples", "id=final", "id=suite", "id=people"]
    assert [page.index(part) for part in order] == sorted(page.index(part) for part in order)
    assert page.count('<div class="window">') == min(len(examples), 24)
    for name in evaluation.metrics:
        assert f"<h3>{html.escape(METRICS[name].question)}</h3>" in page
    assert METRICS["identity"].question == "Who wrote this?"
    assert len({metric.question for metric in METRICS.values()}) == len(METRICS)
    assert all(metric.question.endswith("?") for metric in METRICS.values())


def test_a_report_without_text_has_none(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation, tmp_path: Path
) -> None:
    db, _, run = trained
    page = render(evaluation, manifest=read_manifest(run))
    example = replace(read_examples(run, data_hash(db))[0], real=EVIL)
    assert "onerror" not in page
    assert "onerror" in render(evaluation, manifest=read_manifest(run), examples=[example])
