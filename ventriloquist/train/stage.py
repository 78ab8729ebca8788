"""The training stage: `plan` finds and checks all that a run needs, `run` trains and writes the adapter."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.fs import size
from ventriloquist.layout import BASE, CHECKPOINTS, LOG, MODELS, RUNS, TOKENS
from ventriloquist.model import tiny
from ventriloquist.model.base import TINY, Base, best_device, load_config, load_tokenizer, require_torch, resolve
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.model.extras import require_train_extra
from ventriloquist.records import Progress
from ventriloquist.store import Connection
from ventriloquist.store.corpus import has_targets, training_lines
from ventriloquist.store.temporary import temporary_folder
from ventriloquist.train import folder as folders
from ventriloquist.train import log, ranks
from ventriloquist.train.backends import (
    Backend,
    adapt_to,
    choose_backend,
    device_of,
    load_model,
    row_loss,
    without_obstacle,
)
from ventriloquist.train.check import check_fit, cut_rows
from ventriloquist.train.checkpoints import check_disk, newest_whole_checkpoint, run_bytes, saving, step_of
from ventriloquist.train.estimate import Estimate, make_estimate
from ventriloquist.train.finish import finish
from ventriloquist.train.follow import lower_rate
from ventriloquist.train.log import Outcome, Step
from ventriloquist.train.memory import GIB, available_memory, check_memory, check_offloaded, exhaustion_explained
from ventriloquist.train.rows import Schedule, schedule
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.stdout import stdout_to_stderr


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """A run that can start: everything that it needs is found and checked."""

    home: Path
    folder: Path  # of the run
    resume: bool
    settings: TrainSettings  # adapted to this machine
    backend: Backend
    device: str
    base: Base
    base_files: dict[str, bytes]  # of a `tiny` base, which `run` writes into the folder
    config: Any  # the base model's configuration
    corpus: Corpus
    rows: Schedule
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class TrainSummary(Outcome):
    """What a run did."""

    plan: Estimate
    run: str  # the path of its folder


class Interrupted(BaseException):
    """A signal ended the run. It can be resumed.

    Args:
        steps: that the run has made.
        saved: the last one that is saved; 0 if none is.
    """

    def __init__(self, signal: int, steps: int, saved: int) -> None:
        last = f"Step {saved} is the last that is saved" if saved else "Nothing is saved"
        kept = "Saved." if saved == steps else f"{last}, because the loss is no longer a number."
        super().__init__(f"Stopped after {steps} steps. {kept}")
        self.signal, self.steps = signal, steps


def plan(
    db: Connection,
    settings: TrainSettings,
    *,
    home: Path,
    resume: bool = False,
    notes: Sequence[str] = (),
    progress: Progress = lambda _done, _total: None,
) -> TrainPlan:
    """Plan a new run, or resume the newest unfinished one. Only caches are written: tokens, and parts of a base model.

    Processes that train together all call this. `progress` is called with the lines tokenised.

    Args:
        settings: see `preset` and `resolve_settings`; a run that is resumed has its own.
        notes: lines for the plan's advice, about how the settings were chosen.

    Raises:
        MissingExtraError: the `train` extra, or the back end that is asked for, is not installed.
        NotReadyError: nothing is prepared, or there is no run to resume.
        ModelError: the base model cannot be used or does not fit, or the run cannot be resumed.
        StorageError: the disk is too small for the checkpoints.
    """
    if not has_targets(db, "train"):
        raise NotReadyError("There are no training windows yet.", hint="Run: vq prepare")
    require_train_extra()
    folder = folders.unfinished_run(home / RUNS) if resume else folders.folder_for_new_run(home / RUNS)
    if resume:
        settings = folders.recorded_settings(folder)
    wish = settings.backend
    # before transformers is imported: Unsloth must come first
    backend = choose_backend(wish, best_device(), begun=resume)
    device = device_of(backend)
    require_torch()
    ranks.join(device)
    folder = ranks.broadcast(folder)
    settings = adapt_to(folders.continued_settings(settings, home / RUNS), backend, device)
    with exhaustion_explained(device), _found_base(db, settings, folder, home) as found:
        with ranks.main_first():
            config = load_config(found, offline=False)
            # the revision that is planned is the one that is trained
            base = Base(found.source, getattr(config, "_commit_hash", None) or found.revision)
            corpus = load_corpus(db, load_tokenizer(base, offline=False), home / TOKENS, progress)
        if (possible := without_obstacle(backend, wish, config)) != backend:
            backend, device = possible, device_of(possible)
            settings = adapt_to(settings, backend, device)
        settings, cut = cut_rows(settings, config)
        rows = schedule(corpus, settings)
        if not rows.rows:
            raise ModelError(
                f"No message fits, with its header, into {settings.max_length} tokens.",
                hint="Use a larger --max-length.",
            )
        estimate, settings, rungs = make_estimate(corpus, settings, rows, config, device, backend, begun=resume)
        estimate = replace(estimate, advice=[*notes, *cut, *estimate.advice])
        check_memory(estimate.model, estimate.memory_gib["total"], estimate.available_gib, device, rungs)
        check_offloaded(estimate.offloaded_gib, available_memory("cpu") / GIB)
        check_fit(corpus, settings, base, config)
        if resume:
            folders.check_resumable(folder, settings, corpus.data_hash)
        check_disk(home, run_bytes(estimate.trainable_parameters) - size(folder), begun=resume)
        base_files: dict[str, bytes] = {}
        if _is_new_tiny(settings, folder):
            base_files = {path.name: path.read_bytes() for path in Path(base.source).iterdir()}
            ranks.barrier()  # the main process then removes the temporary folder
    return TrainPlan(
        home=home, folder=folder, resume=resume, settings=settings, backend=backend, device=device,
        base=Base(str(folder / BASE)) if base_files else base, base_files=base_files, config=config,
        corpus=corpus, rows=rows, estimate=estimate,
    )  # fmt: skip


def run(
    db: Connection,
    plan: TrainPlan,
    *,
    progress: Progress = lambda _done, _total: None,
    observe: Callable[[Step], None] = lambda _step: None,
) -> TrainSummary:
    """Train as planned, and write the adapter with its manifest into the run's folder.

    Processes that train together all call this. Only the main one writes, and calls `progress` and `observe` after
    each optimizer step.

    Raises:
        ModelError: memory is exhausted, or the loss is no longer a number; then the last good adapter is kept.
        StorageError: the disk is full.
        SettingsError: Weights & Biases is asked for and cannot be used.
        Interrupted: a signal came; the run was saved at the end of its step, if the loss was a number.
    """
    settings, folder = plan.settings, plan.folder
    with (
        _begun(plan),
        _followed(plan, progress, observe) as follow,
        exhaustion_explained(plan.device),
        stdout_to_stderr(),
    ):
        if ranks.is_main() and (plan.base_files or not plan.resume):
            kept = folders.kept_settings(settings, plan.home)
            folders.begin(folder, kept, plan.corpus.data_hash, plan.base.revision, plan.base_files)
        ranks.barrier()
        train = _train_with_mlx if plan.backend.name == "mlx" else _train_with_torch
        outcome, signal = train(plan, follow)
    if signal is not None:
        checkpoint = newest_whole_checkpoint(folder / CHECKPOINTS)
        raise Interrupted(signal, outcome.steps, step_of(checkpoint) if checkpoint else 0)
    if ranks.is_main():
        finish(db, plan, outcome)
    if outcome.failed_at is not None:
        raise ModelError(
            f"The loss is not a number since step {outcome.failed_at}; the adapter from before it is in {folder}.",
            hint=f"{lower_rate(plan.device)}. Or use what is there: vq eval",
        )
    return TrainSummary(**asdict(outcome), plan=plan.estimate, run=str(folder))


def _train_with_torch(plan: TrainPlan, observe: Callable[[Step], None]) -> tuple[Outcome, int | None]:
    """Train, and write the adapter unless a signal came; return the outcome and the signal."""
    from ventriloquist.train.loop import run_loop
    from ventriloquist.train.shards import save_adapter

    settings, folder = plan.settings, plan.folder
    model = load_model(plan.base, settings, plan.device)
    outcome, signal = run_loop(
        model,
        row_loss(settings),
        plan.corpus,
        plan.rows.rows,
        settings,
        folder,
        device=plan.device,
        gradient_checkpointing=bool(settings.gradient_checkpointing) and plan.backend.name == "transformers",
        observe=observe,
    )
    if signal is None:
        with saving(folder):
            save_adapter(model, folder)
    return outcome, signal


def _train_with_mlx(plan: TrainPlan, observe: Callable[[Step], None]) -> tuple[Outcome, int | None]:
    """Do the same as `_train_with_torch`."""
    from ventriloquist.train.mlx_loop import load_mlx_with_lora, run_mlx_loop, save_adapter

    settings, folder = plan.settings, plan.folder
    model = load_mlx_with_lora(plan.base, settings)
    outcome, signal = run_mlx_loop(model, plan.corpus, plan.rows.rows, settings, folder, observe=observe)
    if signal is None:
        with saving(folder):
            save_adapter(model, settings, folder)
    return outcome, signal


def _is_new_tiny(settings: TrainSettings, folder: Path) -> bool:
    return settings.model == TINY and settings.continue_from is None and not (folder / BASE).exists()


@contextmanager
def _found_base(db: Connection, settings: TrainSettings, folder: Path, home: Path) -> Iterator[Base]:
    """Yield the base model of a run; a new `tiny` is in a temporary folder while the block runs."""
    if settings.model != TINY:
        with ranks.main_first():  # it may convert SmolLM2
            base = resolve(settings.model, home / MODELS)
        if not Path(base.source).is_absolute():  # of the hub, whose `main` may be another by now
            base = Base(base.source, folders.kept_revision(folder, settings.continue_from) or base.revision)
        yield base
    elif not _is_new_tiny(settings, folder):
        yield Base(str(Path(settings.continue_from or folder) / BASE))
    else:
        with ExitStack() as stack:
            place = home
            if ranks.is_main():
                place = stack.enter_context(temporary_folder(home)) / BASE
                tiny.build(training_lines(db, tiny.SAMPLE_LINES), place, settings.seed)
            yield Base(str(ranks.broadcast(place)))


@contextmanager
def _begun(plan: TrainPlan) -> Iterator[None]:
    """Remove the folders of earlier runs that never began; if this run makes no step, remove its folder as well."""
    if ranks.is_main():
        folders.remove_never_begun(plan.home / RUNS)
    try:
        yield
    finally:
        if not plan.resume and ranks.is_main() and not (plan.folder / LOG).exists():
            shutil.rmtree(plan.folder, ignore_errors=True)


@contextmanager
def _followed(plan: TrainPlan, progress: Progress, observe: Callable[[Step], None]) -> Iterator[Callable[[Step], None]]:
    """Yield what the main process calls after every step: callbacks, Weights & Biases, and the curve if validated."""
    from ventriloquist.train.curve import draw

    with ExitStack() as stack:
        followers = [lambda step: progress(step.step, step.steps), observe]
        if plan.settings.wandb and ranks.is_main():
            from ventriloquist.train.weights_and_biases import reported

            followers.append(stack.enter_context(reported(plan.settings, plan.estimate, plan.folder)))

        def follow(step: Step) -> None:
            for told in followers:
                told(step)
            if step.bits_per_character is not None:
                draw(log.read(plan.folder / LOG), plan.folder)

        yield follow
