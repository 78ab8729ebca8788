"""The settings of a training run: one flat table of values, filled by presets, `--config` and flags."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ventriloquist.model.configs import MAX_RANK
from ventriloquist.windows import WINDOW_SIZE

DEFAULT_MODEL = "unsloth/Qwen3-8B-Base"
RENAMED = {"recompute": "gradient_checkpointing"}  # names of 0.1.0, still read

BackendWish = Literal["auto", "unsloth", "mlx", "transformers"]


class TrainSettings(BaseModel):
    """Everything that decides a run; kept in its folder and in its manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str = DEFAULT_MODEL
    backend: BackendWish = "auto"  # Unsloth on CUDA, MLX on Apple silicon, if it is installed
    continue_from: str | None = None  # a run to train on from; its rank, alpha and layers are kept

    rank: int = Field(128, ge=1, le=MAX_RANK)  # high: it learns the style and names of many people, not one task
    alpha: int = Field(256, ge=1, le=2**20)  # twice the rank
    top_layers: int | None = Field(None, ge=1)  # layers that carry LoRA, from the top; None: all
    four_bit: bool = False  # the base's weights in 4 bits (nf4): a quarter of the memory, slightly worse
    adam_8bit: bool = True  # moments in 8 bits, on CUDA with bitsandbytes
    # a third more work for a tenth of the activations' memory; None: on an accelerator, unless a card holds them all
    gradient_checkpointing: bool | None = None

    bfloat16: bool | None = None  # on a CPU: train in bfloat16; None: if that is faster there. Cards decide themselves

    learning_rate: float = Field(1e-4, gt=0, le=10)
    warmup: float = Field(0.03, ge=0, lt=1)  # share of the run in which the rate rises
    weight_decay: float = Field(0.01, ge=0, le=1)
    max_grad_norm: float = Field(1.0, gt=0)
    epochs: int = Field(1, ge=1)  # one: a second pass over private words memorises more than it learns
    max_steps: int | None = Field(None, ge=1)
    max_minutes: float | None = Field(None, gt=0)  # the learning rate then falls with the clock

    window: int = Field(WINDOW_SIZE, ge=1)  # messages chat and eval may show, the target included
    context: int = Field(WINDOW_SIZE - 1, ge=0)  # messages before a block's first target
    targets_per_window: int = Field(64, ge=1)  # K: 25 times cheaper than literal windows (K = 1)
    max_length: int = Field(8192, ge=64)  # tokens a row: 163 messages of 33 tokens, and room for long ones
    rows_per_step: int = Field(2, ge=1)  # about 128 targets a step: more blur people together, fewer are noise
    supervise: Literal["line", "content"] = "line"  # which part of a target has loss; content: without name and delta
    evenness: float = Field(0.0, ge=0, le=10)  # 1: people who wrote a tenth come ten times sooner; 0: random order

    validations: int = Field(10, ge=0)  # per run, evenly spaced; the best one's weights are kept. 0: the last weights
    validation_messages: int = Field(256, ge=1)  # enough to tell 2 % apart
    patience: int | None = Field(3, ge=1)  # validations without a better one before the rest is shortened; None: never
    save_minutes: float = Field(10.0, ge=0)  # a crash loses at most this much
    wandb: bool = False  # report figures to Weights & Biases; never a word of a message
    seed: int = Field(0, ge=0, lt=2**32)

    @model_validator(mode="before")
    @classmethod
    def _with_present_names(cls, values: Any) -> Any:
        return {RENAMED.get(key, key): values[key] for key in values} if isinstance(values, dict) else values

    def changed(self, **changes: Any) -> TrainSettings:
        """Return these settings with the changes that are not None, validated."""
        return TrainSettings(**{**self.model_dump(), **{k: v for k, v in changes.items() if v is not None}})
