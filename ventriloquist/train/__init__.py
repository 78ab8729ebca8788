"""Fine-tune a base model on the prepared windows with LoRA."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ventriloquist.database import Database
from ventriloquist.database.connect import make_private_folder
from ventriloquist.errors import ModelError, NotReadyError
from ventriloquist.model import tiny
from ventriloquist.model.base import TINY, Base, best_device, load_base, load_tokenizer, require_torch, resolve
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.model.manifest import BESIDE, FILENAME, Manifest, package_versions
from ventriloquist.records import Progress
from ventriloquist.train.plan import Plan, check_memory, make_plan
from ventriloquist.train.rows import schedule
from ventriloquist.train.settings import LINEARS, TrainSettings, preset
from ventriloquist.transcript import FORMAT_VERSION

__all__ = ["Interrupted", "TrainSettings", "TrainSummary", "preset", "require_ready", "train"]

SETTINGS = "settings.json"
CHECKPOINTS = "checkpoints"


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


class Interrupted(BaseException):
    """A signal ended the run; it is saved and can be resumed."""

    def __init__(self, signal: int, steps: int) -> None:
        super().__init__(f"Stopped after {steps} steps.")
        self.signal, self.steps = signal, steps


def train(
    db: Database,
    settings: TrainSettings,
    *,
    home: Path,
    dry_run: bool = False,
    resume: bool = False,
    progress: Progress = lambda _done, _total: None,
    announce: Callable[[Plan], None] = lambda _plan: None,
) -> TrainSummary:
    """Train an adapter into a new folder under VQ_HOME/runs.

    Args:
        settings: see `preset`; ignored when resuming.
        resume: go on with the newest unfinished run.
        announce: called with the Plan before the first step.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        NotReadyError: nothing is prepared, or nothing is to be resumed.
        ModelError: the base model cannot be used or does not fit.
        Interrupted: a signal came; the run was saved at the end of its step.
    """
    require_ready(db)
    if resume:
        folder = unfinished_run(home / "runs")
        settings = TrainSettings.model_validate_json((folder / SETTINGS).read_text(encoding="utf-8"))
    else:
        folder = home / "runs" / datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")[:-3]
    is_new = not folder.exists()
    try:
        return _train(db, settings, folder, home, dry_run=dry_run, resume=resume, progress=progress, announce=announce)
    finally:
        if is_new and (dry_run or not (folder / SETTINGS).exists()):
            shutil.rmtree(folder, ignore_errors=True)  # nothing to resume


def require_ready(db: Database) -> None:
    """Check that there is something to train on, and something to train with.

    Raises:
        NotReadyError: nothing is prepared.
        MissingExtraError: the `train` extra is not installed.
    """
    if not db.conn.execute("SELECT 1 FROM training_messages WHERE split = 'train' LIMIT 1").fetchone():
        raise NotReadyError("There are no training windows yet.", hint="Run: vq prepare")
    require_torch()


def unfinished_run(runs: Path) -> Path:
    """Return the newest run folder that is unfinished.

    Raises:
        NotReadyError: there is none.
    """
    folders = sorted(path.parent for path in runs.glob(f"*/{SETTINGS}"))
    unfinished = [folder for folder in folders if not (folder / FILENAME).exists()]
    if not unfinished:
        raise NotReadyError("There is no unfinished run to resume.", hint="Run: vq train")
    return unfinished[-1]


def _train(
    db: Database,
    settings: TrainSettings,
    folder: Path,
    home: Path,
    *,
    dry_run: bool,
    resume: bool,
    progress: Progress,
    announce: Callable[[Plan], None],
) -> TrainSummary:
    device = best_device()
    base = _base(db, settings, folder, home)
    tokenizer = load_tokenizer(base, offline=False)
    corpus = load_corpus(db, tokenizer, home / "tokens", progress)
    rows = schedule(corpus, settings)
    plan = make_plan(corpus, settings, rows, base, device, backend="transformers")
    check_memory(plan)
    announce(plan)
    if dry_run:
        return TrainSummary(plan)
    if resume:
        _check_same_data(folder, corpus)
    else:
        make_private_folder(folder)
        _write_json(folder / "data.json", {"data_hash": corpus.data_hash})
        (folder / SETTINGS).write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")

    from ventriloquist.train.loop import run_loop

    model = add_lora(load_base(base, offline=False, device=device), settings)
    outcome = run_loop(model, corpus, rows.rows, settings, folder, device=device, progress=progress)
    if outcome.signal is not None:
        raise Interrupted(outcome.signal, outcome.steps)
    figures = {key: value for key, value in asdict(outcome).items() if key != "signal"}
    summary = TrainSummary(plan, str(folder), **figures)
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # peft's card has nothing to say about private weights
    tokenizer.save_pretrained(folder)
    _manifest(db, settings, corpus, base, summary).write(folder)
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)  # the adapter stands: half a gigabyte of moments can go
    return summary


def add_lora(model: Any, settings: TrainSettings) -> Any:
    """Put LoRA (Hu et al., 2021, arXiv 2106.09685) on all linears of the layers that the settings name."""
    import torch
    from peft import LoraConfig, get_peft_model

    layers = model.config.num_hidden_layers
    top = settings.top_layers
    torch.manual_seed(settings.seed)
    return get_peft_model(
        model,
        LoraConfig(
            r=settings.rank,
            lora_alpha=settings.alpha,
            target_modules=list(LINEARS),
            layers_to_transform=None if top is None else list(range(max(0, layers - top), layers)),
            bias="none",
            task_type="CAUSAL_LM",
        ),
    )


def _base(db: Database, settings: TrainSettings, folder: Path, home: Path) -> Base:
    if settings.model != TINY:
        return resolve(settings.model, home / "models")
    beside = folder / BESIDE
    if not beside.exists():
        make_private_folder(folder)
        query = "SELECT line || char(10) FROM training_messages WHERE split = 'train' LIMIT ?"
        tiny.build([line for (line,) in db.conn.execute(query, (tiny.SAMPLE_LINES,))], beside, settings.seed)
    return Base(str(beside))


def _check_same_data(folder: Path, corpus: Corpus) -> None:
    recorded = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    if recorded["data_hash"] != corpus.data_hash:
        raise ModelError("The prepared data has changed since that run began.", hint="Run: vq train")


def _manifest(db: Database, settings: TrainSettings, corpus: Corpus, base: Base, summary: TrainSummary) -> Manifest:
    people = [name for (name,) in db.conn.execute("SELECT name FROM people ORDER BY is_me DESC, name")]
    held_out = {}
    for conversation in corpus.conversations:
        span = corpus.targets(conversation, "validation") or corpus.targets(conversation, "test")
        if span:
            held_out[conversation.id] = span.first
    return Manifest(
        format_version=FORMAT_VERSION,
        base_model=BESIDE if settings.model == TINY else base.source,
        base_revision=base.revision,
        window=settings.window,
        context=settings.context,
        targets_per_window=settings.targets_per_window,
        max_length=settings.max_length,
        settings=settings.model_dump(),
        seed=settings.seed,
        data_hash=corpus.data_hash,
        people=people,
        held_out=held_out,
        packages=package_versions(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        result={key: value for key, value in asdict(summary).items() if key != "plan"},
    )


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value) + "\n", encoding="utf-8")
