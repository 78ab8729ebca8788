"""The number types that a device computes in."""

from __future__ import annotations

import os
import re
import time
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

ROW, REPEATS = 256, 6  # tokens of the product that is timed, and how often
ENOUGH_FASTER = 1.2  # times as fast; less may be a fluke of the measurement
ENOUGH_HIDDEN = 256  # numbers in a hidden state; with fewer, products are too small for their type to matter
AMPERE = 8  # the first compute capability (major) with bfloat16
WITHOUT_BFLOAT16 = re.compile(r"gfx([78]\d\d|90[02469c]|10\d\d)\b")  # AMD before CDNA and RDNA 3


class Precision(NamedTuple):
    """The number types of a device."""

    weights: torch.dtype  # of a base model's weights that are not in 4 bits
    compute: torch.dtype  # of matrix products in training, and of those with weights in 4 bits


def precision(device: str, bfloat16: bool | None = None) -> Precision:
    """Return the number types for a device: bfloat16 if an accelerator computes in it, float32 on a CPU.

    A card without bfloat16 would only emulate it, slowly. There, weights have 32 bits, and training multiplies in
    float16 with a scaled loss. Base models were trained in bfloat16: a hidden state can be larger than float16 holds,
    so hidden states keep 32 bits (Micikevicius et al., 2018, arXiv 1710.03740).

    Args:
        bfloat16: a CPU shall train in bfloat16, see `bfloat16_speedup`. Accelerators are not asked.
    """
    import torch

    if device == "cpu" and not bfloat16:
        return Precision(torch.float32, torch.float32)
    if has_bfloat16(device):
        return Precision(torch.bfloat16, torch.bfloat16)
    return Precision(torch.float32, torch.float16)


def autocast(device: str, bfloat16: bool | None = None) -> AbstractContextManager[object]:
    """Return the context in which training multiplies on a device, as transformers' Trainer has it; see `precision`."""
    import torch

    if device == "mps" or (device == "cpu" and not bfloat16):
        return nullcontext()
    return torch.autocast(device.partition(":")[0], dtype=precision(device, bfloat16).compute)


def bfloat16_speedup(hidden: int, intermediate: int, tokens: int = ROW) -> float:
    """Return how many times as fast this CPU multiplies in bfloat16 as in float32, measured on a layer's product.

    Processors without instructions for it (AVX-512 BF16, AMX, Arm's BF16) only emulate it, and are slower. It takes
    some hundredths of a second of processor time.

    Args:
        hidden: the size of the model's hidden states.
        intermediate: the size inside its feed-forward layers.
        tokens: read in one pass. With one, as while a model writes, reading the weights takes most of the time.
    """
    import torch

    multiply_fast()
    values = torch.ones(tokens, hidden), torch.ones(intermediate, hidden)
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        rows, weight = (value.to(dtype) for value in values)
        times = []
        for _ in range(REPEATS):
            before = time.process_time()
            torch.nn.functional.linear(rows, weight)
            times.append(time.process_time() - before)
        seconds[dtype] = min(times)
    return seconds[torch.float32] / max(seconds[torch.bfloat16], 1e-9)


@cache
def writes_faster_in_bfloat16(hidden: int, intermediate: int) -> bool:
    """Return whether this CPU is clearly faster in bfloat16 both where a model reads a context and where it writes.

    It is measured once, in some hundredths of a second.

    Args:
        hidden, intermediate: see `bfloat16_speedup`.
    """
    if hidden < ENOUGH_HIDDEN:
        return False
    return all(bfloat16_speedup(hidden, intermediate, tokens) >= ENOUGH_FASTER for tokens in (ROW, 1))


def has_bfloat16(device: str) -> bool:
    """Return whether an accelerator computes in bfloat16 itself; `cuda` is the card that this process uses.

    torch and transformers say yes for every card, because torch emulates it.
    """
    import torch

    if not device.startswith("cuda"):
        return True
    card = int(device.partition(":")[2]) if ":" in device else None
    if torch.version.hip is not None:
        return WITHOUT_BFLOAT16.match(torch.cuda.get_device_properties(card).gcnArchName) is None
    return torch.cuda.get_device_capability(card)[0] >= AMPERE


def multiply_fast() -> None:
    """Let torch use the cores that this process may use, and oneDNN for float32 matrices, if that is as exact as MKL.

    A container may use fewer cores than its machine has. torch counts those of the machine, and its threads would then
    wait for each other. `OMP_NUM_THREADS` sets another number.

    MKL, the default, does not use AVX-512 on AMD, where oneDNN is twice as fast. torch uses oneDNN only if it may round
    to bf16. On CPUs with AMX oneDNN does round, so those keep MKL.
    """
    import joblib
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), joblib.cpu_count()))
    torch.set_float32_matmul_precision("medium")
    values = torch.linspace(-1, 1, 256 * 256).reshape(256, 256)
    if not torch.allclose((values @ values.T).double(), values.double() @ values.double().T, rtol=0, atol=2e-3):
        torch.set_float32_matmul_precision("highest")
