"""The memory that a run needs, computed from the base's configuration alone, and smaller settings if it is too much.

The figures are derived, not measured: see docs/train.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ventriloquist.errors import ModelError
from ventriloquist.model.fit import linears, skeleton
from ventriloquist.train.ranks import shards
from ventriloquist.train.settings import TrainSettings

GIB = 2**30
FP32, BF16 = 4, 2  # bytes
NF4 = 0.53  # bytes a weight in 4 bits, with its share of the scales (Dettmers et al., 2023)
MLX4 = 0.5625  # the same with MLX: a scale and an offset of 16 bits for 64 weights
MOMENTS_32, MOMENTS_8 = 8, 2  # bytes of Adam's two moments
RUNTIME = {  # of a process, in addition to the model
    "cuda": 0.7 * GIB,  # its context and kernels
    "cpu": 1.5 * GIB,  # Python, torch, and what the allocator keeps for rows of many lengths: 1 to 2 GiB measured
}
EXHAUSTED = (
    *("out of memory", "not enough memory", "can't allocate memory"),  # of CUDA and MPS; of CPUs
    *("Insufficient Memory", "Unable to allocate", "maximum allowed buffer size"),  # of MLX
)
CHUNK = 2048  # tokens: Unsloth computes the logits of so many at a time
MLX_CHUNK = 256  # targets: our loss on MLX does so; 1.2 GiB for a vocabulary of 152,000
CHUNKS = {"unsloth": CHUNK, "mlx": MLX_CHUNK}
MLX_SCORES = 4  # copies of a layer's attention scores: MLX has no fused attention with a gradient (measured on a CPU)
MLX_LOGITS = 8 * FP32  # bytes a logit, with its gradient and what the chunk's second pass adds (measured on a CPU)


class Shapes:
    """Parameter counts of a base model with LoRA on it, from its configuration (built on `meta`, without memory)."""

    def __init__(self, config: Any, settings: TrainSettings) -> None:
        model = skeleton(config, settings.model)
        self.layers: int = config.num_hidden_layers
        self.hidden, self.intermediate = config.hidden_size, config.intermediate_size
        self.vocabulary, self.heads = config.vocab_size, config.num_attention_heads
        adapted = [module for _, _, _, module in linears(model)]
        self.base: int = model.num_parameters()
        self.quantizable = sum(module.in_features * module.out_features for module in adapted)
        self._features: int = sum(module.in_features + module.out_features for module in adapted)
        self.trainable = self.trainable_at(settings)

    def trainable_at(self, settings: TrainSettings) -> int:
        """Return the parameter count of an adapter of the settings' rank and layers."""
        adapted = min(settings.top_layers or self.layers, self.layers)
        return settings.rank * self._features * adapted // self.layers

    def memory(self, settings: TrainSettings, device: str, tokens: int, supervised: int) -> dict[str, float]:
        """Return bytes by part.

        Weights are bf16 on an accelerator, fp32 on a CPU. The adapter is fp32 with its gradient and two moments.
        Activations with gradient checkpointing: one hidden state a layer and the inside of one layer (about 12 hidden
        states and 4 of the feed-forward); without: the inside of every adapted layer. Logits, their copy in fp32 and
        its gradient are computed at supervised tokens only. With shards, each process has its part of weights and
        adapter, and gathers two layers, the embeddings and the head. MLX keeps the attention scores of a layer.

        `tokens` are those of the longest row; `supervised` are those of the row with the most supervised tokens.
        """
        half = FP32 if device == "cpu" else BF16
        quantized = self.quantizable if settings.four_bit else 0
        inside = tokens * (12 * self.hidden + 4 * self.intermediate) * half
        through = min(settings.top_layers or self.layers, self.layers)  # gradients stop at the lowest adapter
        kept = inside * through
        if settings.gradient_checkpointing:
            kept = tokens * self.hidden * self.layers * half + inside
        if settings.backend in CHUNKS:
            supervised = min(supervised, CHUNKS[settings.backend])
        held = shards()
        four_bits = MLX4 if settings.backend == "mlx" else NF4
        adapter = 2 * FP32 + (MOMENTS_8 if settings.adam_8bit else MOMENTS_32)  # bytes a parameter
        parts = {
            "weights": ((self.base - quantized) * half + quantized * four_bits) / held,
            "adapter": self.trainable_at(settings) * adapter / held,
            "activations": kept,
            "logits": supervised * self.vocabulary * (MLX_LOGITS if settings.backend == "mlx" else 2 * FP32 + half),
        }
        if settings.backend == "mlx":
            layers = 1 if settings.gradient_checkpointing else through
            parts["attention"] = self.heads * tokens**2 * half * (MLX_SCORES - 1 + layers)
        if held > 1:
            parts["gathered"] = (self.base - self.quantizable + 2 * self.quantizable / self.layers) * half
        return parts | ({"runtime": RUNTIME[device]} if device in RUNTIME else {})


@dataclass(frozen=True, slots=True)
class Rung:
    """A step down the ladder: all changes up to here, and the memory that the run then needs."""

    changes: str
    gib: float


def ladder(shapes: Shapes, settings: TrainSettings, device: str, tokens: int, supervised: int) -> list[Rung]:
    """Return smaller and smaller settings: shorter rows, 4-bit weights, 8-bit Adam, smaller ranks. Changes add up."""
    steps: list[tuple[str, dict[str, Any]]] = [
        (f"--max-length {length}", {"max_length": length}) for length in (4096, 2048) if length < tokens
    ]
    if device in ("cuda", "metal") and not settings.four_bit and shards() == 1:
        steps.append(("--four-bit", {"four_bit": True}))
    if device == "cuda" and not settings.adam_8bit and shards() == 1:
        steps.append(("8-bit Adam (the extra `unsloth` brings it)", {"adam_8bit": True}))
    steps += [(f"--rank {rank}", {"rank": rank, "alpha": 2 * rank}) for rank in (64, 32, 16) if rank < settings.rank]
    rungs = []
    said: dict[str, str] = {}  # the change, by the setting that it changes
    for what, changes in steps:
        settings = settings.changed(**changes)
        said[next(iter(changes))] = what
        share = min(1.0, settings.max_length / max(1, tokens))
        parts = shapes.memory(settings, device, int(tokens * share), int(supervised * share))
        rungs.append(Rung(", ".join(said.values()), sum(parts.values()) / GIB))
    return rungs


def check_memory(model: str, needed: float, available: float, device: str, rungs: list[Rung]) -> None:
    """Raise a ModelError if a run does not fit into memory; it names the smallest change that would make it fit."""
    if needed <= available:
        return
    enough = next((rung for rung in rungs if rung.gib <= available), None)
    free = " free" if device == "cpu" else ""
    smaller = "a smaller model: --model unsloth/Qwen3-1.7B-Base, unsloth/Qwen3-0.6B-Base or smollm2"
    raise ModelError(
        f"{model} needs about {needed:.0f} GiB to train; {device} has {available:.0f} GiB{free}.",
        hint=f"Use {enough.changes} (about {enough.gib:.0f} GiB), or {smaller}."
        if enough
        else f"Use {smaller}. {rungs[-1].changes} would not be enough: {rungs[-1].gib:.0f} GiB."
        if rungs
        else f"Use {smaller}.",
    )


@contextmanager
def exhaustion_explained(device: str) -> Iterator[None]:
    """Turn an out-of-memory error inside the block into a ModelError that says what to make smaller."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(sign in str(error) for sign in EXHAUSTED):
            raise
        raise ModelError(
            f"The memory of {device} is exhausted.",
            hint="Run again with half the --max-length, then half the --rank. See: vq train --dry-run"
            if shards() > 1 or device == "cpu"
            else "Run again with half the --max-length; then --four-bit, then half the --rank. See: vq train --dry-run",
        ) from error


def available_memory(device: str) -> int:
    """Return the bytes of memory that a device has; for a CPU, those that are available."""
    import psutil
    import torch

    if device == "cuda":
        return int(torch.cuda.mem_get_info()[1])
    if device == "metal":
        import mlx.core as mx

        return int(mx.device_info()["max_recommended_working_set_size"])
    if device == "mps":
        return int(torch.mps.recommended_max_memory())
    return int(psutil.virtual_memory().available)


def cuda_gib() -> float | None:
    """Return the memory of the CUDA device, or None if there is none."""
    import torch

    return available_memory("cuda") / GIB if torch.cuda.is_available() else None
