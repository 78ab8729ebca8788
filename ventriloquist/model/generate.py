"""Generating lines in batches, without a grammar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

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
    longest = max(len(ids) for ids in encoded)
    inputs = torch.tensor([[0] * (longest - len(ids)) + ids for ids in encoded])
    mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in encoded])
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    written: list[list[int]] = [[] for _ in encoded]
    rows = torch.arange(len(encoded))  # of the prompts that are not finished
    cache = None
    with torch.inference_mode():
        for step in range(uniforms.shape[1]):
            output = model(
                input_ids=inputs.to(model.device),
                attention_mask=mask.to(model.device),
                position_ids=positions.to(model.device),
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            )
            cache = output.past_key_values
            drawn = draw(output.logits[:, -1], uniforms[rows, step], sampling)
            going = torch.ones(len(rows), dtype=torch.bool)
            for index, (row, token) in enumerate(zip(rows.tolist(), drawn.tolist(), strict=True)):
                if token == tokenizer.eos_token_id:
                    going[index] = False
                    continue
                written[row].append(token)
                going[index] = "\n" not in tokenizer.decode([token])
            if not going.any():
                break
            if not going.all():
                cache.batch_select_indices(going.nonzero()[:, 0].to(model.device))
                rows, drawn, mask, positions = rows[going], drawn[going], mask[going], positions[going]
            inputs = drawn[:, None]
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], -1)
            positions = positions[:, -1:] + 1
    return [tokenizer.decode(tokens).split("\n", 1)[0] for tokens in written]
