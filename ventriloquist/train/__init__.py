"""Fine-tune a base model on the prepared windows with LoRA: `plan` a run, then `run` it."""

from ventriloquist.train.choose import choose_settings
from ventriloquist.train.estimate import Estimate
from ventriloquist.train.folder import to_resume
from ventriloquist.train.log import Step
from ventriloquist.train.measure import measure_time
from ventriloquist.train.presets import preset, resolve_settings
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.stage import Interrupted, TrainPlan, TrainSummary, plan, run

__all__ = [
    "Estimate",
    "Interrupted",
    "Step",
    "TrainPlan",
    "TrainSettings",
    "TrainSummary",
    "choose_settings",
    "measure_time",
    "plan",
    "preset",
    "resolve_settings",
    "run",
    "to_resume",
]
