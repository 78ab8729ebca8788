"""Drawing the next token from a model's logits: temperature and min-p, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. No repetition penalty: it would punish the format's own syntax and names."""

    temperature: float = 0.9  # 0 takes the likeliest token
    min_p: float = 0.05  # drops tokens less likely than this share of the likeliest one (arXiv 2407.01082); 0: none


UNTRUNCATED = Sampling(temperature=1.0, min_p=0.0)  # the model's own rates


def draw(logits: torch.Tensor, uniform: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Draw a token for each row by inverting its cumulative distribution: one random number, one token.

    Args:
        logits: (rows, vocabulary), on any device; -inf is never drawn.
        uniform: (rows,) float32 numbers in [0, 1), on the CPU.

    Returns:
        (rows,) token ids, on the CPU.
    """
    import torch

    logits = logits.float()
    if sampling.temperature == 0:
        return logits.argmax(-1).cpu()
    probabilities = torch.softmax(logits / sampling.temperature, -1)
    if sampling.min_p > 0:
        floor = sampling.min_p * probabilities.amax(-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < floor, 0.0)
    cumulative = probabilities.cumsum(-1)
    # below the total even after rounding, so that a token without probability is never reached
    threshold = uniform.to(logits.device)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, threshold, right=True)[:, 0].cpu()
