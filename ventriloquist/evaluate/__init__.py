"""Measure how well an adapter writes like each person, on messages it never saw."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ventriloquist.errors import NotReadyError, UnknownNameError
from ventriloquist.evaluate.compare import Comparison, compare
from ventriloquist.evaluate.examples import keep_examples
from ventriloquist.evaluate.heldout import Place, draw, held_out_rows, later_marks, most_talkative
from ventriloquist.evaluate.metric import Found, Need, Result, assess
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.records import Subject
from ventriloquist.evaluate.rejections import rejections, undecided
from ventriloquist.evaluate.store import Store
from ventriloquist.evaluate.subjects import FULL, QUICK, Extent, Models, Stage
from ventriloquist.evaluate.world import Known, read_world, subjects
from ventriloquist.layout import TOKENS
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.base import Base, load_tokenizer
from ventriloquist.model.corpus import load_corpus
from ventriloquist.model.manifest import first_unseen, read_manifest
from ventriloquist.store import Connection

__all__ = ["FULL", "METRICS", "QUICK", "Evaluation", "Extent", "evaluate"]

SCHEMA = 1  # of the JSON; raise it when a key changes its meaning or goes
# the promised three, and bits; first in every output
ON_FINAL_WINDOWS = ("validity", "timing", "voice", "likelihood")


@dataclass(frozen=True)
class Evaluation:
    """What `vq eval` reports; docs/eval.md has its JSON. No message text is in it."""

    schema: int
    run: str
    model: str
    seed: int
    changed_data: bool  # the prepared data is not what the adapter was trained on
    held_out: int  # messages that could be scored
    division: Mapping[str, int]  # which messages trained, which the judge has read, which are tested
    final_windows: Mapping[str, Result]  # the last two of each conversation
    metrics: Mapping[str, Result]
    people: Mapping[str, Mapping[str, Result]]
    rejected_by: tuple[str, ...]  # the guards that tell generated messages from real ones
    undecided: tuple[str, ...]  # the guards for which there was not enough data
    not_measured: Mapping[str, str]  # metric: why
    comparison: Comparison | None = None


@dataclass(frozen=True)
class _Measured:
    """One run, measured: what was found about the adapter and about everybody it is compared with."""

    run: str
    model: str
    changed_data: bool
    known: Known
    found: dict[str, Found | None]
    others: dict[str, dict[str, Found | None]]
    final: dict[str, Found | None]
    people: dict[str, dict[str, tuple[Found | None, dict[str, Found | None]]]]


def evaluate(
    db: Connection,
    run: Path,
    *,
    home: Path,
    extent: Extent = FULL,
    only: Collection[str] = (),
    against: Path | None = None,
    seed: int = 0,
    stage: Stage = lambda _name: lambda _done, _total: None,
) -> Evaluation:
    """Evaluate an adapter on the test split.

    Args:
        run: the adapter's folder; what models write and score is kept in it, and not done again.
        only: keys of METRICS; empty for all.
        against: another run, compared on the same messages and seeds.
        stage: called with the name of each part of the work; returns its progress callback.

    Raises:
        NotReadyError: no conversation holds anything out.
        ModelError: the adapter cannot be used.
        UnknownNameError: there is no such metric.
    """
    for name in only:
        if name not in METRICS:
            raise UnknownNameError(name, METRICS, noun="metric")
    chosen = [name for name in METRICS if not only or name in only]
    marks = first_unseen(db, read_manifest(run))
    shared = None
    if against is not None:
        marks = later_marks(marks, first_unseen(db, read_manifest(against)))
        shared = _places(db, run, home, marks) & _places(db, against, home, marks)
    measured = _measure(db, run, home, extent, chosen, seed, stage, marks, shared)
    metrics = {
        name: assess(METRICS[name], measured.found[name], measured.others[name], seed)
        for name in chosen
        if measured.found[name] is not None
    }
    comparison = None
    if against is not None:
        other = _measure(db, against, home, extent, chosen, seed, stage, marks, shared)
        comparison = compare(against.name, measured.found, other.found, seed)
    return Evaluation(
        schema=SCHEMA,
        run=measured.run,
        model=measured.model,
        seed=seed,
        changed_data=measured.changed_data,
        held_out=measured.known.division["tested on"],
        division=measured.known.division,
        final_windows={
            name: assess(METRICS[name], found, measured.others[name], seed)
            for name, found in measured.final.items()
            if found is not None
        },
        metrics=metrics,
        people={
            person: {
                name: assess(METRICS[name], found, others, seed)
                for name, (found, others) in of_person.items()
                if found is not None
            }
            for person, of_person in measured.people.items()
        },
        rejected_by=rejections(metrics),
        undecided=undecided(metrics, chosen),
        not_measured={name: _why(name, extent) for name in chosen if measured.found[name] is None},
        comparison=comparison,
    )


def _places(db: Connection, run: Path, home: Path, marks: Mapping[int, int]) -> set[Place]:
    """Return where a run can be measured."""
    manifest = read_manifest(run)
    tokenizer = load_tokenizer(Base(manifest.base_folder_or_id(run), manifest.base_revision))
    rows = held_out_rows(db, load_corpus(db, tokenizer, home / TOKENS), manifest, marks)
    return {target.place for row in rows for target in row.targets}


def _measure(
    db: Connection,
    run: Path,
    home: Path,
    extent: Extent,
    chosen: Collection[str],
    seed: int,
    stage: Stage,
    marks: Mapping[int, int],
    shared: Collection[Place] | None,
) -> _Measured:
    """Measure one run.

    Args:
        marks: for each conversation, the first position that no run that is compared was trained on.
        shared: where all of these can be measured; None: this one alone is.
    """
    stage("Loading the model")
    adapter = load_adapter(run)
    corpus = load_corpus(db, adapter.tokenizer, home / TOKENS, stage("Tokenising"))
    rows = held_out_rows(db, corpus, adapter.manifest, marks, shared)
    if not rows:
        raise NotReadyError(
            "No message is held out: every conversation is shorter than 10 messages, or was trained on whole.",
            hint="Collect more history, then run: vq prepare",
        )
    models = Models(db, corpus, adapter, rows, Store(run), extent, seed, stage)
    known = read_world(db, models.targets, marks, seed, adapter.manifest)
    needs: set[Need] = {METRICS[name].needs for name in chosen}
    subject, base = models.subjects(needs, known.candidates)
    if subject.messages:
        keep_examples(db, run, subject, base)
    progress = stage("Measuring")
    wanted = {end for name in chosen for end in METRICS[name].compared}
    others = {name: _beside(other, subject, seed) for name, other in subjects(known, subject, base, wanted).items()}
    world = known.world
    found: dict[str, Found | None] = {}
    of_others: dict[str, dict[str, Found | None]] = {}
    final: dict[str, Found | None] = {}
    people: dict[str, dict[str, tuple[Found | None, dict[str, Found | None]]]] = {}
    for done, name in enumerate(chosen, 1):
        metric = METRICS[name]
        ends = [end for end in (metric.floor, metric.ceiling) if isinstance(end, str)]
        found[name] = metric.measure(subject, world)
        of_others[name] = {other: metric.measure(others[other], world) for other in metric.compared}
        if name in ON_FINAL_WINDOWS:
            last = subject.final()
            final[name] = metric.measure(replace(last, reference=subject.reference), world)
        if metric.by_person:
            for person in most_talkative(target.line.name for target in models.targets):
                people.setdefault(person, {})[name] = (
                    metric.measure(subject.of(person), world),
                    {end: metric.measure(others[end].of(person), world) for end in ends},
                )
        progress(done, len(chosen))
    return _Measured(
        run.name,
        str(adapter.manifest.settings["model"]),
        corpus.data_hash != adapter.manifest.data_hash,
        known,
        found,
        of_others,
        final,
        people,
    )


def _beside(other: Subject, subject: Subject, seed: int) -> Subject:
    """Return another subject with messages in the same places, or as many: with more, a classifier would learn more."""
    if other.name == "real":
        return replace(other, messages=draw(other.messages, len(subject.messages), seed))
    here = {message.target.place for message in subject.messages}
    return replace(other, messages=[message for message in other.messages if message.target.place in here])


def _why(name: str, extent: Extent) -> str:
    """Say why a metric was not measured."""
    if METRICS[name].needs in ("ranked", "swapped") and not extent.ranking:
        return "left out of a quick evaluation"
    return {
        "scores": "no message could be scored",
        "written": "no line was written in the format",
        "messages": f"fewer than {METRICS[name].minimum} generated messages, or too few real ones to judge by",
        "names": "fewer than two people to tell apart",
        "ranked": "too few messages to choose from",
        "swapped": "nobody to tell apart",
    }[METRICS[name].needs]
