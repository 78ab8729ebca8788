from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from invented import NAMES, Tiny, conversation, lines
from torch.nn import functional

from ventriloquist.model.corpus import Row
from ventriloquist.model.score import LineScore, score_after, score_row
from ventriloquist.transcript import Header, Line, render, render_line


def naive(tiny: Tiny, prefix: str, line: Line) -> LineScore:
    """Score one line with one plain forward over everything, and sum by part with offsets of the whole text."""
    text = render_line(line) + "\n"
    encode = tiny.tokenizer.backend_tokenizer.encode
    encoding = encode(text, add_special_tokens=False)
    before = encode(prefix, add_special_tokens=False).ids
    ids = torch.tensor([before + encoding.ids])
    with torch.inference_mode():
        logits = tiny.model(input_ids=ids).logits[0]
    nats = functional.cross_entropy(logits[len(before) - 1 : -1], ids[0, len(before) :], reduction="none")
    name_ends = text.index('", "delta": ') + 1
    content_begins = text.index('"content": "') + len('"content": "')
    parts = {"name": 0.0, "delta": 0.0, "content": 0.0}
    for (_, end), value in zip(encoding.offsets, nats.tolist(), strict=True):
        part = "name" if end <= name_ends else "content" if end > content_begins else "delta"
        parts[part] += value
    return LineScore(**parts, characters=len(line.content))


def assert_close(score: LineScore, expected: LineScore) -> None:
    assert score.characters == expected.characters
    for part in ("name", "delta", "content"):
        assert getattr(score, part) == pytest.approx(getattr(expected, part), abs=1e-4)


def test_a_row_scores_each_target_as_a_plain_forward_does(tiny_model: Tiny) -> None:
    header, said = conversation(9, seed=4)
    encode = tiny_model.tokenizer.backend_tokenizer.encode
    tokens = encode(render(header, []), add_special_tokens=False).ids
    targets = []
    for position, line in enumerate(said):
        ids = encode(render_line(line) + "\n", add_special_tokens=False).ids
        if position in {3, 5, 6, 8}:  # targets need not be neighbours
            targets.append((position, len(tokens), len(tokens) + len(ids)))
        tokens = tokens + ids
    chosen = [said[position] for position, _, _ in targets]
    scores = score_row(tiny_model.model, tiny_model.tokenizer, Row(np.array(tokens, dtype=np.uint32), targets), chosen)
    for (position, _, _), score in zip(targets, scores, strict=True):
        expected = naive(tiny_model, render(header, said[:position]), said[position])
        assert_close(score, expected)
        assert min(score.name, score.delta, score.content) > 0


@pytest.mark.parametrize("batch", [1, 4, 48])
def test_lines_after_a_shared_prefix_score_as_each_alone(tiny_model: Tiny, batch: int) -> None:
    prefix = render(*conversation(6, seed=6))
    candidates = [*lines(6, seed=7), *(Line(name, "<5m", "the same words") for name in NAMES)]
    scores = list(score_after(tiny_model.model, tiny_model.tokenizer, prefix, candidates, batch=batch))
    assert len(scores) == len(candidates)
    for line, score in zip(candidates, scores, strict=True):
        assert_close(score, naive(tiny_model, prefix, line))


@pytest.mark.parametrize("content", ['say "hi" <b> \\o/', ":)", "\u2028", "…", "👩‍👩‍👧", "<|endoftext|>"])
def test_escapes_count_as_the_characters_they_stand_for(tiny_model: Tiny, content: str) -> None:
    prefix, line = render(Header("dm", ("Kim", "Zoë Field"), "2024-03-15"), []), Line('K"im', "1d+", content)
    (score,) = score_after(tiny_model.model, tiny_model.tokenizer, prefix, [line])
    assert_close(score, naive(tiny_model, prefix, line))
    assert score.characters == len(content)
    assert score.bits_per_character == pytest.approx(score.content / math.log(2) / len(content))
