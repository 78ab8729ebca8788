"""Fine-tune a base model on the prepared windows with LoRA."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.fs import flush_all
from ventriloquist.layout import BASE, CHECKPOINTS, LOG, RUNS, TOKENS
from ventriloquist.model.base import TINY, Base, best_device, load_config, load_tokenizer, require_torch
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.model.extras import require_train_extra
from ventriloquist.records import Progress
from ventriloquist.store import Connection
from ventriloquist.store.corpus import has_targets
from ventriloquist.train import log, ranks, run
from ventriloquist.train.backends import Backend, adapt_to, choose_backend, load_model, row_loss
from ventriloquist.train.check import check_fit, cut_rows
from ventriloquist.train.checkpoints import check_disk, newest_whole_checkpoint, run_bytes, saving, step_of
from ventriloquist.train.log import Step
from ventriloquist.train.memory import check_memory, exhaustion_explained
from ventriloquist.train.plan import Plan, make_plan
from ventriloquist.train.presets import PRESETS, preset, resolve_settings
from ventriloquist.train.rows import Schedule, schedule
from ventriloquist.train.settings import TrainSettings

__all__ = [
    "PRESETS",
    "Interrupted",
    "Plan",
    "Resumable",
    "Step",
    "TrainSettings",
    "TrainSummary",
    "preset",
    "require_ready",
    "resolve_settings",
    "to_resume",
    "train",
]


@dataclass(frozen=True, slots=True)
class TrainSummary:
    """What a run did. `run` is None after a dry run."""

    plan: Plan
    run: str | None = None
    steps: int = 0
    trained_tokens: int = 0
    trained_targets: int = 0
    minutes: float = 0.0
    first_loss: float | None = None  # nats a token
    last_loss: float | None = None
    best_step: int | None = None  # whose weights were kept: the best by validation
    bits_per_character: float | None = None  # of the validation messages, with those weights
    stopped_early: bool = False  # validation stopped getting better
    failed_at: int | None = None  # the first step of the last ones whose loss is no number


class Interrupted(BaseException):
    """A signal ended the run; it is saved and can be resumed."""

    def __init__(self, signal: int, steps: int) -> None:
        super().__init__(f"Stopped after {steps} steps.")
        self.signal, self.steps = signal, steps


@dataclass(frozen=True, slots=True)
class Followers:
    """Who is told what while a run goes on; in the main process only."""

    progress: Progress = lambda _done, _total: None  # lines tokenised, then steps done
    announce: Callable[[Plan], None] = lambda _plan: None  # before the first step
    observe: Callable[[Step], None] = lambda _step: None  # after every step


def train(
    db: Connection,
    settings: TrainSettings,
    *,
    home: Path,
    dry_run: bool = False,
    resume: bool = False,
    progress: Progress = lambda _done, _total: None,
    announce: Callable[[Plan], None] = lambda _plan: None,
    observe: Callable[[Step], None] = lambda _step: None,
) -> TrainSummary:
    """Train an adapter into a new folder under VQ_HOME/runs.

    Args:
        settings: see `preset` and `resolve_settings`; ignored when resuming.
        resume: go on with the newest unfinished run.
        progress: called with lines tokenised, then with steps done.
        announce: called with the Plan before the first step.
        observe: called with every Step.

    Raises:
        MissingExtraError: the `train` extra, or the back end that is asked for, is not installed.
        NotReadyError: nothing is prepared, or nothing is to be resumed.
        ModelError: the base model cannot be used or does not fit, memory is exhausted, or the last losses are no
            numbers; then the adapter of before is kept, where there is one.
        StorageError: the disk is too small for the checkpoints.
        Interrupted: a signal came; the run was saved at the end of its step.
    """
    require_ready(db)
    folder = run.unfinished_run(home / RUNS) if resume else run.folder_for_new_run(home / RUNS)
    if resume:
        settings = run.recorded_settings(folder)
    device = best_device()
    backend = choose_backend(settings.backend, device)  # before transformers is imported: Unsloth must come first
    require_torch()
    ranks.join(device)
    if ranks.is_main():
        run.remove_never_begun(home / RUNS)
    folder = ranks.agree(folder)
    settings = adapt_to(run.continued_settings(settings, home / RUNS), backend, device)
    followers = Followers(progress, announce, observe) if ranks.is_main() else Followers()
    try:
        with exhaustion_explained(device):
            return _train(db, settings, folder, home, device, backend, followers, dry_run=dry_run, resume=resume)
    finally:
        if not resume and ranks.is_main() and (dry_run or not (folder / LOG).exists()):
            shutil.rmtree(folder, ignore_errors=True)  # no step was made: there is nothing to resume


class Resumable(NamedTuple):
    """A run that can be gone on with."""

    run: str
    step: int | None  # after which it was saved, if it was
    settings: TrainSettings


def to_resume(home: Path) -> Resumable:
    """Return the run that `train` would go on with.

    Raises:
        NotReadyError: there is none.
        ModelError: its settings cannot be read.
    """
    folder = run.unfinished_run(home / RUNS)
    checkpoint = newest_whole_checkpoint(folder / CHECKPOINTS)
    return Resumable(folder.name, step_of(checkpoint) if checkpoint else None, run.recorded_settings(folder))


def require_ready(db: Connection) -> None:
    """Check that there is something to train on, and something to train with.

    Raises:
        NotReadyError: nothing is prepared.
        MissingExtraError: the `train` extra is not installed.
    """
    if not has_targets(db, "train"):
        raise NotReadyError("There are no training windows yet.", hint="Run: vq prepare")
    require_train_extra()


def _train(
    db: Connection,
    settings: TrainSettings,
    folder: Path,
    home: Path,
    device: str,
    backend: Backend,
    followers: Followers,
    *,
    dry_run: bool,
    resume: bool,
) -> TrainSummary:
    with ranks.main_first():
        base = run.base_for(db, settings, folder, home)
        config = load_config(base, offline=False)
        base = Base(base.source, getattr(config, "_commit_hash", None) or base.revision)  # what is planned is trained
        tokenizer = load_tokenizer(base, offline=False)
        corpus = load_corpus(db, tokenizer, home / TOKENS, followers.progress)
    settings, notes = cut_rows(settings, config)
    rows = schedule(corpus, settings)
    if not rows.rows:
        raise ModelError(
            f"No message fits, with its header, into {settings.max_length} tokens.", hint="Use a larger --max-length."
        )
    plan, rungs = make_plan(corpus, settings, rows, config, device, backend)
    plan = replace(plan, advice=[*notes, *plan.advice])
    check_memory(plan.model, plan.memory_gib["total"], plan.available_gib, device, rungs)
    check_fit(corpus, settings, base, config)
    if dry_run:
        plan = _timed(plan, corpus, settings, rows, config, device)
        followers.announce(plan)
        ranks.wait()  # the main process removes the folder: by then the others have read in it
        return TrainSummary(plan)
    check_disk(home, run_bytes(plan.trainable_parameters) - run.size(folder), begun=resume)
    followers.announce(plan)
    from ventriloquist.train.loop import run_loop
    from ventriloquist.train.shards import save_adapter

    with _followed(followers, settings, plan, folder) as follow:
        if resume:
            run.check_resumable(folder, settings, corpus.data_hash)
        elif ranks.is_main():
            run.begin(folder, run.kept_settings(settings, home), corpus.data_hash)
        model = load_model(base, settings, device)
        outcome = run_loop(
            model,
            row_loss(settings),
            corpus,
            rows.rows,
            settings,
            folder,
            device=device,
            recompute=settings.recompute and backend.name == "transformers",
            observe=follow,
        )
    summary = TrainSummary(
        plan, str(folder), **{key: value for key, value in asdict(outcome).items() if key != "signal"}
    )
    if outcome.signal is not None:
        raise Interrupted(outcome.signal, outcome.steps)
    with saving(folder):
        save_adapter(model, folder)
    if ranks.is_main():
        _finish(db, home, settings, folder, corpus, base, config.model_type, summary)
    if outcome.failed_at is not None:
        raise ModelError(
            f"The loss is not a number since step {outcome.failed_at}; the adapter from before it is in {folder}.",
            hint="Run again with a lower --learning-rate, or use what is there: vq eval",
        )
    return summary


def _timed(plan: Plan, corpus: Corpus, settings: TrainSettings, rows: Schedule, config: Any, device: str) -> Plan:
    """Return the plan with the time that it takes, where that can be measured before the weights are here."""
    if settings.backend != "transformers" or settings.four_bit or ranks.is_sharded():
        return plan
    from ventriloquist.train.measure import seconds_per_token

    seconds = seconds_per_token(corpus, settings, rows, config, device)
    total = seconds * sum(piece.tokens for row in rows.rows for piece in row) / plan.processes
    minutes = min(total / 60, settings.max_minutes or float("inf"))
    return replace(plan, seconds_per_step=round(total / plan.steps, 3), minutes=round(minutes, 1))


@contextmanager
def _followed(
    followers: Followers, settings: TrainSettings, plan: Plan, folder: Path
) -> Iterator[Callable[[Step], None]]:
    """Yield what is called after every step: the live view, Weights & Biases, and the curve at each validation."""
    from ventriloquist.train.curve import draw

    with ExitStack() as stack:
        report = None
        if settings.wandb and ranks.is_main():
            from ventriloquist.train.weights_and_biases import Report

            report = stack.enter_context(Report(settings, plan, folder))

        def follow(step: Step) -> None:
            followers.progress(step.step, step.steps)
            followers.observe(step)
            if report is not None:
                report.step(step)
            if step.bits_per_character is not None:
                draw(log.read(folder / LOG), folder)

        yield follow


def _finish(
    db: Connection,
    home: Path,
    settings: TrainSettings,
    folder: Path,
    corpus: Corpus,
    base: Base,
    kind: str,
    summary: TrainSummary,
) -> None:
    """Write tokenizer, curve and last of all the manifest; what was only for going on then goes."""
    from ventriloquist.train.curve import draw
    from ventriloquist.train.watch import BEST

    with saving(folder):
        (folder / "README.md").unlink(missing_ok=True)  # peft's card has nothing to say about private weights
        run.forget_where_the_base_was(folder, home)
        corpus.tokenizer.save_pretrained(folder)
        if settings.model == TINY and settings.continue_from is not None:  # it lies beside the earlier adapter
            shutil.copytree(base.source, folder / BASE, dirs_exist_ok=True)
        steps = log.read(folder / LOG)
        if steps:
            draw(steps, folder)
        flush_all(folder)  # before there is a manifest, and before what the run could be gone on with from is removed
        run.make_manifest(db, home, settings, corpus, base, kind, run.summary_figures(summary)).write(folder)
    for rest in (folder / CHECKPOINTS, *folder.glob(f"{BEST}*")):  # half a gigabyte of moments
        shutil.rmtree(rest, ignore_errors=True)
