"""Weights & Biases, on request: only figures of a run are sent, never a word of a message, a name or a path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from ventriloquist.errors import SettingsError
from ventriloquist.fs import make_private_folder
from ventriloquist.train.estimate import Estimate
from ventriloquist.train.log import Step
from ventriloquist.train.settings import TrainSettings

PROJECT = "ventriloquist"
SETTINGS = ("rank", "alpha", "top_layers", "four_bit", "learning_rate", "epochs", "context", "targets_per_window",
            "max_length", "rows_per_step", "supervise", "evenness", "seed")  # fmt: skip
ESTIMATE = ("backend", "device", "conversations", "targets", "tokens_per_epoch", "supervised_tokens_per_epoch", "steps",
            "trainable_parameters")  # fmt: skip


@contextmanager
def reported(settings: TrainSettings, estimate: Estimate, folder: Path) -> Iterator[Callable[[Step], None]]:
    """Begin a run in Weights & Biases, and yield what reports a step. WANDB_MODE=offline keeps it in the run's folder.

    Raises:
        SettingsError: there is no key, or the service cannot be reached.
    """
    import wandb

    config = {name: getattr(settings, name) for name in SETTINGS} | {name: getattr(estimate, name) for name in ESTIMATE}
    config["model"] = Path(settings.model).name  # the path of a folder may have a name in it
    private = wandb.Settings(
        console="off",  # printed text contains names
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        save_code=False,
        silent=True,
        x_disable_meta=True,  # the command line, the user, the machine's name
        x_disable_machine_info=True,
        x_save_requirements=False,
    )
    make_private_folder(folder)
    try:
        run = wandb.init(project=PROJECT, dir=str(folder), config=config, settings=private)
    except wandb.errors.Error as error:
        raise SettingsError(
            f"Weights & Biases cannot be used: {error}",
            hint="Set WANDB_API_KEY or run `wandb login`; with WANDB_MODE=offline nothing leaves this machine.",
        ) from None
    try:
        yield lambda step: run.log({k: v for k, v in asdict(step).items() if v is not None}, step=step.step)
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish(exit_code=0)
