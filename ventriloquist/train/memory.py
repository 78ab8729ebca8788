"""The memory that a run needs, computed from the base's configuration alone, and smaller settings if it is too much.

The figures are derived, not measured: see docs/train.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ventriloquist.errors import ModelError
from ventriloquist.model.fit import linears, skeleton
from ventriloquist.model.precision import has_bfloat16, precision
from ventriloquist.train.ranks import shards
from ventriloquist.train.settings import TrainSettings

GIB = 2**30
CGROUPS = Path("/sys/fs/cgroup")  # a container's own, as it sees them
FP32, HALF = 4, 2  # bytes
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
ROOM = 0.9  # of a card's memory, at most, without gradient checkpointing: the allocator cannot use all of it
# Unsloth computes logits in chunks of supervised tokens (unsloth_zoo/fused_losses/fused_linear.py).
CHUNK_TOKENS = (512, 4096)  # at least, at most
CHUNK_LOGITS = 512 * 151_936  # a chunk is not made smaller than this
EAGER_TOKENS = 512  # of the longest row, at most, to keep attention's probabilities in bfloat16 on a CPU
MLX_CHUNK = 256  # targets: our loss on MLX computes the logits of so many at a time
MLX_SCORES = 4  # copies of a layer's attention scores: MLX has no fused attention with a gradient (measured on a CPU)
MLX_LOGITS = 8 * FP32  # bytes a logit, with its gradient and what the chunk's second pass adds (measured on a CPU)
STAGED = 3  # hidden states that Unsloth keeps on the card: two buffers, and the last layer's


class Shapes:
    """Parameter counts of a base model with LoRA on it, from its configuration (built on `meta`, without memory)."""

    def __init__(self, config: Any, settings: TrainSettings) -> None:
        model = skeleton(config, settings.model)
        self.layers: int = config.num_hidden_layers
        self.hidden: int = config.hidden_size
        self.intermediate: int = config.intermediate_size
        self.vocabulary: int = config.vocab_size
        self.heads: int = config.num_attention_heads
        found = list(linears(model))
        adapted = [module for _, _, _, module in found]
        out: dict[str, int] = {kind: module.out_features for _, kind, _, module in found}  # alike in all layers
        self.queries, self.keys = out["q_proj"], out["k_proj"]
        self.base: int = model.num_parameters()
        self.quantizable = sum(module.in_features * module.out_features for module in adapted)
        self._features: int = sum(module.in_features + module.out_features for module in adapted)
        self.trainable = self.trainable_at(settings)

    def trainable_at(self, settings: TrainSettings) -> int:
        """Return the parameter count of an adapter of the settings' rank and layers."""
        adapted = min(settings.top_layers or self.layers, self.layers)
        return settings.rank * self._features * adapted // self.layers

    def memory(
        self,
        settings: TrainSettings,
        device: str,
        tokens: int,
        supervised: int,
        *,
        weights: int | None = None,
    ) -> dict[str, float]:
        """Return the bytes on the device, by part.

        The adapter is fp32 with its gradient and two moments. Activations with gradient checkpointing: one hidden state
        a layer and the inside of one layer; without: the inside of every adapted layer. Unsloth moves the hidden states
        into the machine's memory, see `offloaded`. Logits, their copy in fp32 and its gradient are computed at
        supervised tokens only. MLX keeps the attention scores of a layer. With shards, each process has its part of
        weights and adapter, and gathers two layers, the embeddings and the head.

        Args:
            tokens: of the longest row.
            supervised: of the row with the most supervised tokens.
            weights: bytes of a weight that is not in 4 bits; default as `precision` has it.
        """
        size = weights or weight_bytes(device, settings)
        quantized = self.quantizable if settings.four_bit else 0
        held = shards()
        four_bits = MLX4 if settings.backend == "mlx" else NF4
        adapter = 2 * FP32 + (MOMENTS_8 if settings.adam_8bit else MOMENTS_32)  # bytes a parameter
        trainable = self.trainable_at(settings)
        inside = tokens * self._inside(size)
        through = min(settings.top_layers or self.layers, self.layers)  # gradients stop at the lowest adapter
        if settings.gradient_checkpointing is False:
            kept = inside * through + (HALF * trainable if size == HALF else 0)  # and the adapter as it multiplies
        elif settings.backend == "unsloth":
            kept = inside + STAGED * tokens * self.hidden * size
        else:
            kept = inside + self.layers * tokens * self.hidden * size
        if settings.backend == "unsloth":
            supervised = self.chunk(supervised)
        logit = 2 * FP32 + size
        if settings.backend == "mlx":
            supervised, logit = min(supervised, MLX_CHUNK), MLX_LOGITS
        parts = {
            "weights": ((self.base - quantized) * size + quantized * four_bits) / held,
            "adapter": trainable * adapter / held,
            "activations": kept,
            "logits": supervised * self.vocabulary * logit,
        }
        if settings.backend == "mlx":
            layers = through if settings.gradient_checkpointing is False else 1
            parts["attention"] = self.heads * tokens**2 * size * (MLX_SCORES - 1 + layers)
        if settings.bfloat16 and settings.max_length <= EAGER_TOKENS:  # probabilities, in 32 and in 16 bits
            parts["attention"] = self.heads * tokens**2 * through * (FP32 + HALF)
        if held > 1:
            parts["gathered"] = (self.base - self.quantizable + 2 * self.quantizable / self.layers) * size
        return parts | ({"runtime": RUNTIME[device]} if device in RUNTIME else {})

    def _inside(self, size: int) -> int:
        """Return the bytes that a layer keeps of a token for its gradient.

        In 16 bits they are counted with torch's hooks for saved tensors (tests/train/test_memory.py). In 32 bits this
        is an upper bound.
        """
        if size == HALF:
            return HALF * (9 * self.hidden + 4 * self.intermediate + 5 * self.queries + 4 * self.keys)
        return FP32 * (12 * self.hidden + 4 * self.intermediate)

    def chunk(self, supervised: int) -> int:
        """Return how many supervised tokens have logits at a time with Unsloth, of so many in a row."""
        least, most = CHUNK_TOKENS
        least = min(max(_power_of_two(CHUNK_LOGITS / self.vocabulary), least), most)
        fitting = _power_of_two(supervised * self.hidden / self.vocabulary)
        return min(max(fitting, least), most, supervised)

    def offloaded(self, settings: TrainSettings, tokens: int) -> int:
        """Return the bytes of hidden states that Unsloth's gradient checkpointing keeps in the machine's memory."""
        if settings.backend != "unsloth" or settings.gradient_checkpointing is False:
            return 0
        return HALF * tokens * self.hidden * self.layers


def weight_bytes(device: str, settings: TrainSettings) -> int:
    """Return the bytes of a weight that is not in 4 bits."""
    return int(precision(device, settings.bfloat16).weights.itemsize)


def _power_of_two(number: float) -> int:
    """Return the largest power of two that is not above a number; 1 for smaller ones."""
    return 1 << max(0, math.floor(math.log2(max(number, 1))))


def with_checkpointing(
    shapes: Shapes,
    settings: TrainSettings,
    device: str,
    tokens: int,
    supervised: int,
    available: float,
    *,
    weights: int | None = None,
) -> TrainSettings:
    """Decide on gradient checkpointing, if the settings leave that open: off on a card that has room for everything.

    Args:
        available: bytes of memory that the device has.
    """
    if settings.gradient_checkpointing is not None:
        return settings
    without = settings.changed(gradient_checkpointing=False)
    size = weights or weight_bytes(device, settings)
    needed = sum(shapes.memory(without, device, tokens, supervised, weights=size).values())
    holds_all = device == "cuda" and size == HALF and needed <= ROOM * available
    return without if holds_all else settings.changed(gradient_checkpointing=True)


@dataclass(frozen=True, slots=True)
class Rung:
    """A step down the ladder: all changes up to here, and the memory that the run then needs."""

    changes: str
    gib: float


def ladder(shapes: Shapes, settings: TrainSettings, device: str, tokens: int, supervised: int) -> list[Rung]:
    """Return smaller and smaller settings. Changes add up.

    They are: gradient checkpointing if it is switched off, shorter rows, 4-bit weights, 8-bit Adam, smaller ranks.
    """
    steps: list[tuple[str, dict[str, Any]]] = []
    if settings.gradient_checkpointing is False and device != "cpu":
        steps.append(("gradient_checkpointing = true in --config", {"gradient_checkpointing": True}))
    steps += [(f"--max-length {length}", {"max_length": length}) for length in (4096, 2048) if length < tokens]
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


def check_offloaded(offloaded: float, available: float) -> None:
    """Raise a ModelError if the machine has too little memory (GiB) for the hidden states that Unsloth moves there."""
    if offloaded > available:
        raise ModelError(
            f"Unsloth keeps about {offloaded:.1f} GiB of hidden states in the machine's memory; {available:.1f} GiB are"
            " free.",
            hint="Close other programs, use a smaller --max-length, or --backend transformers.",
        )


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
    available = int(psutil.virtual_memory().available)
    left = _left_to_container(CGROUPS)
    return available if left is None else min(available, left)


def _left_to_container(cgroups: Path) -> int | None:
    """Return the bytes that a container may still take; None without a limit. psutil knows the host's memory only.

    Cached files do not count as taken: the kernel gives them up.

    Args:
        cgroups: the root of cgroup v2, or of v1.
    """
    for folder, limit, usage, prefix in (
        (cgroups, "memory.max", "memory.current", ""),
        (cgroups / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    ):
        try:
            allowed, taken = (int((folder / name).read_text()) for name in (limit, usage))
            counts = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            given_up = sum(int(counts[f"{prefix}{kind}_file"]) for kind in ("inactive", "active"))
        except (OSError, ValueError, KeyError):  # "max": no limit
            continue
        return max(0, allowed - max(0, taken - given_up))
    return None


def card() -> dict[str, Any]:
    """Return the CUDA device as `preset` and `resolve_settings` take it: its memory, and whether it has bfloat16."""
    import torch

    if not torch.cuda.is_available():
        return {"memory_gib": None}
    return {"memory_gib": available_memory("cuda") / GIB, "bfloat16": has_bfloat16("cuda")}
