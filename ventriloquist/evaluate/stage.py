"""Evaluate an adapter on the test split: `plan` checks what is asked, and `run` measures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ventriloquist.errors import NotReadyError, UnknownNameError
from ventriloquist.evaluate.baselines import baselines
from ventriloquist.evaluate.cache import OutputCache
from ventriloquist.evaluate.compare import Comparison, compare
from ventriloquist.evaluate.context import read_context
from ventriloquist.evaluate.examples import keep_examples
from ventriloquist.evaluate.heldout import (
    HeldOutRow,
    draw,
    draw_rows,
    held_out_rows,
    later_boundaries,
    most_talkative,
    only_targets,
)
from ventriloquist.evaluate.inference import FULL, Extent, Inference
from ventriloquist.evaluate.inputs import EvalContext, NamesInContext, RankedMessages, System
from ventriloquist.evaluate.learning_curve import LearningCurve, learning_curve
from ventriloquist.evaluate.metric import Measurement, Metric, Result, assess
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.rejections import rejections, undecided
from ventriloquist.evaluate.tally import by_cell
from ventriloquist.layout import TOKENS
from ventriloquist.model.adapter import check_run, load_adapter
from ventriloquist.model.base import Base, load_tokenizer, require_torch
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.model.framework import choose_framework
from ventriloquist.model.manifest import Manifest, first_unseen
from ventriloquist.records import Stage
from ventriloquist.store import Connection
from ventriloquist.store.counts import count_by_split

SCHEMA = 2  # of the JSON; raise it when a key changes its meaning or is removed
ON_FINAL_WINDOWS = ("validity", "timing", "voice", "likelihood")  # first in every output


@dataclass(frozen=True)
class EvalPlan:
    """A checked evaluation."""

    manifests: Mapping[Path, Manifest]  # by run folder: the run, and then the one that it is compared with
    home: Path
    extent: Extent
    metrics: tuple[str, ...]
    boundaries: Mapping[int, int]  # for each conversation, the first position that no run was trained on
    seed: int
    backend: str | None = None  # see `choose_framework`


@dataclass(frozen=True)
class Evaluation:
    """What `vq eval` reports; docs/eval.md describes its JSON. It contains no message text."""

    schema: int
    run: str
    model: str
    seed: int
    changed_data: bool  # since the adapter was trained
    held_out: int  # messages that could be scored
    division: Mapping[str, int]  # messages by what they are used for
    final_windows: Mapping[str, Result]  # on the last two messages of each conversation
    metrics: Mapping[str, Result]
    people: Mapping[str, Mapping[str, Result]]
    rejected_by: tuple[str, ...]  # guards that tell generated messages from real ones
    undecided: tuple[str, ...]  # guards that lack data
    not_measured: Mapping[str, str]  # metric: why
    comparison: Comparison | None = None
    learning_curve: LearningCurve | None = None  # None: bits about the name were not measured


def plan(
    db: Connection,
    run: Path,
    *,
    home: Path,
    extent: Extent = FULL,
    only: Collection[str] = (),
    against: Path | None = None,
    seed: int = 0,
    backend: str | None = None,
) -> EvalPlan:
    """Check the names of metrics and the folders of runs, and find what was held out.

    Args:
        run: the adapter's folder. What models write and score is cached in it.
        only: keys of METRICS; empty for all.
        against: another run, compared on the same messages with the same seed.

    Raises:
        ModelError: a folder holds no adapter that can be used.
        UnknownNameError: there is no such metric.
    """
    for name in only:
        if name not in METRICS:
            raise UnknownNameError(name, METRICS, noun="metric")
    manifests = {folder: check_run(folder) for folder in (run, against) if folder is not None}
    return EvalPlan(
        manifests=manifests,
        home=home,
        extent=extent,
        metrics=tuple(name for name in METRICS if not only or name in only),
        boundaries=later_boundaries(*(first_unseen(db, manifest) for manifest in manifests.values())),
        seed=seed,
        backend=backend,
    )


def run(db: Connection, plan: EvalPlan, *, stage: Stage = lambda _name: lambda _done, _total: None) -> Evaluation:
    """Measure a run, and compare it with another one if the plan says so.

    Raises:
        NotReadyError: no message is held out.
        ModelError: an adapter cannot be used.
    """
    runs = [_open(db, plan, folder, manifest, stage) for folder, manifest in plan.manifests.items()]
    shared = set.intersection(*({target.id for row in one.rows for target in row.targets} for one in runs))
    if not shared:
        raise _nothing_held_out(db)
    first, *others = [replace(one, rows=only_targets(one.rows, shared)) for one in runs]
    first = replace(first, scored=draw_rows(first.rows, plan.extent.likelihood, plan.seed))
    drawn = {target.id for row in first.scored for target in row.targets}
    evaluation, measured = _evaluate(plan, first, *_infer(db, plan, first, stage), stage)
    for other in others:
        of_same = replace(other, scored=only_targets(other.rows, drawn))  # in its own rows
        context, system, _ = _infer(db, plan, of_same, stage)
        measured_too = {name: METRICS[name].measure(system, context) for name in plan.metrics}
        comparison = compare(other.folder.name, measured, measured_too, plan.seed)
        evaluation = replace(evaluation, comparison=comparison)
    return evaluation


def _nothing_held_out(db: Connection) -> NotReadyError:
    if count_by_split(db).get("test"):
        return NotReadyError(
            "No message is held out that a person typed and that no run was trained on.",
            hint="Hold out more with: vq prepare --holdout N, then run: vq train",
        )
    return NotReadyError(
        "No message is held out: conversations of fewer than 10 messages are trained on whole.",
        hint="Collect more history, then run: vq prepare",
    )


@dataclass(frozen=True)
class _Run:
    """A run without its weights: they are loaded later, so that two models are never in memory at once."""

    folder: Path
    manifest: Manifest
    tokenizer: Any
    corpus: Corpus
    rows: list[HeldOutRow]
    scored: list[HeldOutRow] = field(default_factory=list)  # those that are scored


def _open(db: Connection, plan: EvalPlan, folder: Path, manifest: Manifest, stage: Stage) -> _Run:
    require_torch()
    tokenizer = load_tokenizer(Base(manifest.base_folder_or_id(folder), manifest.base_revision))
    corpus = load_corpus(db, tokenizer, plan.home / TOKENS, stage("Tokenising"))
    return _Run(folder, manifest, tokenizer, corpus, held_out_rows(db, corpus, manifest, plan.boundaries))


def _infer(db: Connection, plan: EvalPlan, run: _Run, stage: Stage) -> tuple[EvalContext, System, System]:
    """Let a run's adapter and its base model write and score. Return both, with the context."""
    stage(f"Loading the model with {choose_framework(plan.backend, run.manifest.base_kind).name}")
    adapter = load_adapter(run.folder, tokenizer=run.tokenizer, backend=plan.backend)
    cache = OutputCache(run.folder)
    inference = Inference(db, run.corpus, adapter, run.rows, run.scored, cache, plan.extent, plan.seed, stage)
    context = read_context(db, inference.targets, plan.boundaries, plan.seed, run.manifest)
    system, base = inference.systems({METRICS[name].takes for name in plan.metrics}, context)
    if system.messages:
        keep_examples(db, run.folder, system, base)
    return context, system, base


def _evaluate(
    plan: EvalPlan, run: _Run, context: EvalContext, system: System, base: System, stage: Stage
) -> tuple[Evaluation, dict[str, Measurement | None]]:
    """Measure a run, its baselines and each person. Return also the plain measurements, for a comparison."""
    progress = stage("Measuring")
    wanted = {name for metric in plan.metrics for name in METRICS[metric].compared}
    others = {
        name: _match(other, system, plan.seed) for name, other in baselines(context, system, base, wanted).items()
    }
    talkative = most_talkative(target.line.name for row in run.rows for target in row.targets)
    measured: dict[str, Measurement | None] = {}
    metrics: dict[str, Result] = {}
    final: dict[str, Result] = {}
    people: dict[str, dict[str, Result]] = {}
    for done, name in enumerate(plan.metrics, 1):
        metric = METRICS[name]
        measured[name] = metric.measure(system, context)
        beside = {other: metric.measure(others[other], context) for other in metric.compared}
        _add(metrics, name, measured[name], beside, plan.seed)
        if name in ON_FINAL_WINDOWS:
            last = replace(system.final(), reference=system.reference)
            _add(final, name, metric.measure(last, context), beside, plan.seed)
        for person in talkative if metric.by_person else ():
            ends = {end: metric.measure(others[end].of(person), context) for end in metric.ends}
            own = metric.measure(system.of(person), context)
            _add(people.setdefault(person, {}), name, own, ends, plan.seed)
        progress(done, len(plan.metrics))
    evaluation = Evaluation(
        schema=SCHEMA,
        run=run.folder.name,
        model=str(run.manifest.settings["model"]),
        seed=plan.seed,
        changed_data=run.corpus.data_hash != run.manifest.data_hash,
        held_out=context.division["tested on"],
        division=context.division,
        final_windows=final,
        metrics=metrics,
        people=people,
        rejected_by=rejections(metrics),
        undecided=undecided(metrics, plan.metrics),
        not_measured={name: _why_not(METRICS[name], plan.extent) for name in plan.metrics if measured[name] is None},
        learning_curve=_learning_curve(people, context) if "name_information" in metrics else None,
    )
    return evaluation, measured


def _learning_curve(people: Mapping[str, Mapping[str, Result]], context: EvalContext) -> LearningCurve:
    measured = {person: of["name_information"] for person, of in people.items() if "name_information" in of}
    trained = {person: len(contents) for person, contents in context.training.items()}
    in_split = sum(trained.values())
    return learning_curve(measured, trained, context.division["trained on"] / in_split if in_split else 1.0)


def _add(
    results: dict[str, Result],
    name: str,
    measured: Measurement | None,
    beside: Mapping[str, Measurement | None],
    seed: int,
) -> None:
    if measured is not None:
        results[name] = assess(METRICS[name], measured, beside, seed)


def _match(baseline: System, system: System, seed: int) -> System:
    """Keep a baseline's messages in the system's places, or as many: a classifier learns more from more."""
    if baseline.name == "real":  # as many of each person, and as many of them final
        wanted = by_cell(system.messages)
        parts = by_cell(baseline.messages)
        kept = {
            message.target.id for one, part in parts.items() for message in draw(part, len(wanted.get(one, ())), seed)
        }
        return replace(baseline, messages=[message for message in baseline.messages if message.target.id in kept])
    here = {message.target.id for message in system.messages}
    return replace(baseline, messages=[message for message in baseline.messages if message.target.id in here])


def _why_not(metric: Metric, extent: Extent) -> str:
    """Say why a metric was not measured."""
    if not extent.ranking and metric.takes in (RankedMessages, NamesInContext):
        return "left out of a quick evaluation"
    return metric.takes.missing.format(minimum=metric.minimum)
