"""Log-probabilities of lines: how well a model expects a name, a delta and a content, in nats, without a grammar."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ventriloquist.model.corpus import Row, Tokens
from ventriloquist.transcript import Line, content_span, render_line

PADDING = 0


@dataclass(frozen=True, slots=True)
class LineScore:
    """The negative log-probability of one line, in nats, by part."""

    name: float
    delta: float
    content: float  # the inside of the string, what closes it, and the newline
    characters: int  # code points of the un-escaped content

    @property
    def bits_per_character(self) -> float:
        return self.content / math.log(2) / max(1, self.characters)


def score_row(model: Any, tokenizer: Any, row: Row, lines: Sequence[Line]) -> list[LineScore]:
    """Score the targets of one row in one forward pass; the head runs at target positions only.

    Args:
        row: header, context and targets as token ids.
        lines: the parsed targets, in the order of `row.targets`.
    """
    positions = np.concatenate([np.arange(first, end) for _, first, end in row.targets])
    ids = torch.from_numpy(row.tokens.astype(np.int64))[None].to(model.device)
    index = torch.from_numpy(positions).to(model.device)
    with torch.inference_mode():
        logits = model(input_ids=ids, logits_to_keep=index - 1, use_cache=False).logits[0]
        nats = functional.cross_entropy(logits.float(), ids[0, index], reduction="none").cpu().numpy()
    scores = []
    start = 0
    for line, (_, first, end) in zip(lines, row.targets, strict=True):
        scores.append(_by_part(tokenizer, line, row.tokens[first:end], nats[start : start + end - first]))
        start += end - first
    return scores


def score_after(
    model: Any, tokenizer: Any, prefix: str, lines: Sequence[Line], *, batch: int = 48
) -> Iterator[LineScore]:
    """Score lines that all follow the same prefix, which is computed once and shared.

    Args:
        prefix: whole lines of a transcript, each ended by its newline.
        batch: lines a forward pass.
    """
    prefix_ids = torch.tensor([_encode(tokenizer, prefix)], device=model.device)
    # the last token of the prefix is fed again with each line: its logits predict the line's first token
    with torch.inference_mode():
        cache = model(input_ids=prefix_ids[:, :-1], use_cache=True, logits_to_keep=1).past_key_values
    for start in range(0, len(lines), batch):
        part = lines[start : start + batch]
        encoded = [np.asarray(_encode(tokenizer, render_line(line) + "\n"), dtype=np.uint32) for line in part]
        yield from _score_batch(model, tokenizer, cache, prefix_ids, part, encoded)


def _score_batch(
    model: Any, tokenizer: Any, cache: Any, prefix_ids: torch.Tensor, lines: Sequence[Line], encoded: list[Tokens]
) -> Iterator[LineScore]:
    import copy

    longest = max(len(tokens) for tokens in encoded)
    ids = torch.full((len(encoded), longest + 1), PADDING, dtype=torch.int64)
    ids[:, 0] = prefix_ids[0, -1].cpu()
    mask = torch.zeros((len(encoded), prefix_ids.shape[1] + longest), dtype=torch.int64)
    for index, tokens in enumerate(encoded):
        ids[index, 1 : len(tokens) + 1] = torch.from_numpy(tokens.astype(np.int64))
        mask[index, : prefix_ids.shape[1] + len(tokens)] = 1
    shared = copy.deepcopy(cache)
    shared.batch_repeat_interleave(len(encoded))
    with torch.inference_mode():
        logits = model(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), past_key_values=shared, use_cache=True
        ).logits
        for index, (line, tokens) in enumerate(zip(lines, encoded, strict=True)):
            nats = functional.cross_entropy(
                logits[index, : len(tokens)].float(), ids[index, 1 : len(tokens) + 1].to(model.device), reduction="none"
            )
            yield _by_part(tokenizer, line, tokens, nats.cpu().numpy())


def _by_part(tokenizer: Any, line: Line, tokens: Tokens, nats: np.ndarray[Any, Any]) -> LineScore:
    """Sum a line's nats by part. A token that reaches into the content counts as content."""
    name_end, content_start = content_span(line)
    encoding = tokenizer.backend_tokenizer.encode(render_line(line) + "\n", add_special_tokens=False)
    if len(encoding.ids) != len(tokens):
        raise ValueError("the line is not tokenised as it was when it was cached")
    ends = np.array([end for _, end in encoding.offsets])
    in_name, in_content = ends <= name_end, ends > content_start
    return LineScore(
        name=float(nats[in_name].sum()),
        delta=float(nats[~in_name & ~in_content].sum()),
        content=float(nats[in_content].sum()),
        characters=len(line.content),
    )


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
    return ids
