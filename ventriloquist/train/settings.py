"""The settings of a training run, and presets: data, each value with its reason."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ventriloquist.model.base import SMOLLM2, TINY
from ventriloquist.windows import WINDOW_SIZE

DEFAULT_MODEL = "unsloth/Qwen3-8B-Base"
LINEARS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class TrainSettings(BaseModel):
    """Everything that decides a run; kept in its manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = DEFAULT_MODEL
    rank: int = Field(128, ge=1)  # high: style and names of many people, not one task
    alpha: int = Field(256, ge=1)  # twice the rank
    top_layers: int | None = None  # layers that carry LoRA, from the top; None: all
    learning_rate: float = Field(1e-4, gt=0)
    warmup: float = 0.03  # share of the steps
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    epochs: int = Field(1, ge=1)  # one: a second pass over private words memorises more than it learns
    max_steps: int | None = Field(None, ge=1)
    max_minutes: float | None = Field(None, gt=0)  # the learning rate then falls with the clock
    window: int = Field(WINDOW_SIZE, ge=1)  # messages chat and eval may show, the target included
    context: int = Field(WINDOW_SIZE - 1, ge=0)  # messages before a block's first target
    targets_per_window: int = Field(64, ge=1)  # K: 25 times cheaper than literal windows (K = 1)
    max_length: int = Field(8192, ge=64)  # tokens a row: 163 messages of 33 tokens, and room for long ones
    rows_per_step: int = Field(2, ge=1)  # about 128 targets a step: more blur people together, fewer are noise
    seed: int = 0

    def changed(self, **changes: Any) -> TrainSettings:
        """Return these settings with the changes that are not None, validated."""
        return TrainSettings(**{**self.model_dump(), **{k: v for k, v in changes.items() if v is not None}})


PRESETS: dict[str, TrainSettings] = {
    DEFAULT_MODEL: TrainSettings(),
    # On a CPU time is what is short: rows in which every line carries loss, many small steps, a high rate.
    SMOLLM2: TrainSettings(
        model=SMOLLM2,
        rank=32,  # 16 learns the format and the topics, not who is who
        alpha=64,
        top_layers=10,  # of 30: a step takes two thirds of the time, as there is less to go back through
        learning_rate=3e-3,  # 2e-3 learns less in 70 steps, 1e-2 forgets how to write
        window=8,  # what fits into a short row
        context=0,
        targets_per_window=8,
        max_length=384,  # 8 messages of 35 tokens, and room for a long one
        rows_per_step=1,
    ),
    TINY: TrainSettings(
        model=TINY,
        rank=16,
        alpha=32,
        learning_rate=1e-3,
        max_length=2048,
        max_steps=20,  # it exercises the machinery; there is nothing to learn with random weights
    ),
}


def preset(model: str) -> TrainSettings:
    """Return the preset of a model; one without a preset of its own gets the default's, on that model."""
    return PRESETS.get(model) or PRESETS[DEFAULT_MODEL].model_copy(update={"model": model})
