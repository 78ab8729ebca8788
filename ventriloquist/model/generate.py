"""Generating lines in batches, without a grammar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ventriloquist.model.engine import engine_of
from ventriloquist.model.sampling import MIN_P, TEMPERATURE, Sampling, draw
from ventriloquist.model.tokens import encode

BATCH = 32  # prompts in a forward pass; more only cost memory
BATCH_TOKENS = 32_768  # in their KV cache: 4.5 GiB for Qwen3-8B


def sample_lines(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    *,
    max_new_tokens: int = 200,
    temperature: float = TEMPERATURE,
    min_p: float = MIN_P,
    seed: int = 0,
) -> list[str]:
    """Return the text after each prompt, up to its first newline, an end-of-text token or `max_new_tokens`.

    A prompt is a transcript from its header on, and may end within a line. The other prompts do not affect its text,
    except where rounding decides between tokens.
    """
    uniforms = torch.rand((len(prompts), max_new_tokens), generator=torch.Generator().manual_seed(seed))
    lines: list[str] = []
    encoded = [encode(tokenizer, prompt, start=True) for prompt in prompts]
    sampling = Sampling(temperature=temperature, min_p=min_p)
    while len(lines) < len(encoded):
        batch = encoded[len(lines) : len(lines) + BATCH]
        while len(batch) > 1 and len(batch) * (max(map(len, batch)) + max_new_tokens) > BATCH_TOKENS:
            batch.pop()  # the cache, padding included, would grow too large
        lines += _continue(model, tokenizer, batch, uniforms[len(lines) : len(lines) + len(batch)], sampling)
    return lines


def _continue(
    model: Any, tokenizer: Any, encoded: Sequence[list[int]], uniforms: torch.Tensor, sampling: Sampling
) -> list[str]:
    written: list[list[int]] = [[] for _ in encoded]
    going = list(range(len(encoded)))  # the prompts that are not finished
    rows = engine_of(model).rows()
    fed: Sequence[list[int]] = encoded
    for step in range(uniforms.shape[1]):
        drawn = draw(rows.feed(fed), uniforms[going, step], sampling).tolist()
        kept = []
        for index, (row, token) in enumerate(zip(going, drawn, strict=True)):
            if token == tokenizer.eos_token_id:
                continue
            written[row].append(token)
            if "\n" not in tokenizer.decode([token]):
                kept.append(index)
        if not kept:
            break
        if len(kept) < len(going):
            rows.select(kept)
            going = [going[index] for index in kept]
        fed = [[drawn[index]] for index in kept]
    return [tokenizer.decode(tokens).split("\n", 1)[0] for tokens in written]
