"""The number types that a device computes in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

AMPERE = 8  # the first compute capability (major) with bfloat16
WITHOUT_BFLOAT16 = re.compile(r"gfx([78]\d\d|90[0246c]|10\d\d)\b")  # AMD before CDNA and RDNA 3


class Precision(NamedTuple):
    """The number types of a device."""

    weights: torch.dtype  # of a base model's weights that are not in 4 bits
    compute: torch.dtype  # of matrix products in training, and of those with weights in 4 bits


def precision(device: str) -> Precision:
    """Return the number types for a device: bfloat16 if it computes in it, float32 on a CPU.

    A card without bfloat16 would only emulate it, slowly. There, weights have 32 bits, and training multiplies in
    float16 with a scaled loss. Base models were trained in bfloat16: a hidden state can be larger than float16 holds,
    so hidden states keep 32 bits (Micikevicius et al., 2018, arXiv 1710.03740).
    """
    import torch

    if device == "cpu":
        return Precision(torch.float32, torch.float32)
    if has_bfloat16(device):
        return Precision(torch.bfloat16, torch.bfloat16)
    return Precision(torch.float32, torch.float16)


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
