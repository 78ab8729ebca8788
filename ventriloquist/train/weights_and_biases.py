"""Weights & Biases, on request: only figures of a run are sent, never a word of a message, a name or a path."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import TracebackType

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


class Report:
    """A run in Weights & Biases. WANDB_MODE=offline keeps it in the run's folder."""

    def __init__(self, settings: TrainSettings, estimate: Estimate, folder: Path) -> None:
        """Begin the run.

        Raises:
            SettingsError: there is no key, or the service cannot be reached.
        """
        import wandb

        config = {name: getattr(settings, name) for name in SETTINGS} | {
            name: getattr(estimate, name) for name in ESTIMATE
        }
        config["model"] = Path(settings.model).name  # the path of a folder may have a name in it
        private = wandb.Settings(
            console="off",  # printed text has names in it
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
            self._run = wandb.init(project=PROJECT, dir=str(folder), config=config, settings=private)
        except wandb.errors.Error as error:
            raise SettingsError(
                f"Weights & Biases cannot be used: {error}",
                hint="Set WANDB_API_KEY or run `wandb login`; with WANDB_MODE=offline nothing leaves this machine.",
            ) from None

    def step(self, step: Step) -> None:
        values = {name: value for name, value in asdict(step).items() if value is not None}
        self._run.log(values, step=step.step)

    def __enter__(self) -> Report:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._run.finish(exit_code=0 if kind is None else 1)
