"""Sampling the next token from logits with temperature and min-p, and the defaults of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


# The defaults of chat, evaluation, served models and the Modelfile.
TEMPERATURE = 0.9
MIN_P = 0.05
TOP_P = 1  # off: min-p cuts the tail
TOP_K = 0  # off
REPEAT_PENALTY = 1  # off: a penalty would punish the format's own syntax and names
NAME_GUIDANCE = 1.0  # chosen on validation messages by benchmarks/name_guidance.py; other servers have none
MOST_NAME_GUIDANCE = 5

MAX_TOKENS = 256  # of one content; a longer one is ended there
CONTEXT_SHARE = 0.75  # of the tokens of a window, in chat and evaluation; the rest is left for the line to be written


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn."""

    temperature: float = TEMPERATURE  # 0 takes the likeliest token
    min_p: float = MIN_P  # drops tokens less likely than this share of the likeliest one (arXiv 2407.01082); 0: none
    top_p: float = TOP_P  # keeps the likeliest tokens that have this probability together; 1: all
    top_k: int = TOP_K  # keeps so many of the likeliest tokens; 0: all
    name_guidance: float = NAME_GUIDANCE  # the weight in `guide`, of contents; 0: off


UNTRUNCATED = Sampling(temperature=1.0, min_p=0.0, name_guidance=0.0)  # the model's own distribution


def context_tokens(max_length: int) -> int:
    """Return how many tokens the context of a line may have, for a model that was trained on windows of max_length."""
    return int(CONTEXT_SHARE * max_length)


def guide(named: torch.Tensor, unknown: torch.Tensor, weight: float) -> torch.Tensor:
    """Return logits in which the name counts 1 + weight times.

    They are log P(token | name) + weight · (log P(token | name) − log P(token | unknown)) and a constant. This is
    classifier-free guidance (arXiv 2306.17806), with the name as the condition.

    Args:
        named: (rows, vocabulary) logits after a line that begins with its writer's name.
        unknown: (rows, vocabulary) logits after the same line by an unknown person.
    """
    return named + weight * (named - unknown)


def draw(logits: torch.Tensor, uniform: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Sample a token for each row by inverting its cumulative distribution.

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
    if 0 < sampling.top_k < probabilities.shape[-1]:
        floor = probabilities.topk(sampling.top_k, -1).values[:, -1:]
        probabilities = probabilities.masked_fill(probabilities < floor, 0.0)
    if sampling.top_p < 1:
        ordered = probabilities.sort(-1, descending=True).values
        before = ordered.cumsum(-1) - ordered  # of the tokens that are likelier
        kept = before < sampling.top_p * ordered.sum(-1, keepdim=True)
        kept[:, 0] = True
        floor = ordered.masked_fill(~kept, torch.inf).amin(-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < floor, 0.0)
    if sampling.min_p > 0:
        floor = sampling.min_p * probabilities.amax(-1, keepdim=True)
        probabilities = probabilities.masked_fill(probabilities < floor, 0.0)
    cumulative = probabilities.cumsum(-1)
    # stays below the total even after rounding, so that a token of probability 0 is never drawn
    threshold = uniform.to(logits.device)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, threshold, right=True)[:, 0].cpu()
