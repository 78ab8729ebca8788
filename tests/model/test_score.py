from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch
from invented import NAMES, Tiny, conversation, lines
from torch.nn import functional

from ventriloquist.errors import ModelError
from ventriloquist.model import prefix_cache
from ventriloquist.model.corpus import TokenRow
from ventriloquist.model.score import LineScore, score_contents, score_row, score_rows_after
from ventriloquist.transcript import DELTAS, Header, Line, render, render_line


def encode(tiny: Tiny, text: str) -> list[int]:
    return list(tiny.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


def nats_after(tiny: Tiny, before: list[int], tokens: list[int]) -> list[float]:
    """Score tokens by one plain forward over everything."""
    ids = torch.tensor([before + tokens])
    with torch.inference_mode():
        logits = tiny.model(input_ids=ids).logits[0]
    nats = functional.cross_entropy(logits[len(before) - 1 : -1], ids[0, len(before) :], reduction="none")
    return list(nats.tolist())


def naive(tiny: Tiny, prefix: str, line: Line) -> dict[str, float]:
    """Score one line with a plain forward, and sum by part with offsets of the whole text."""
    text = render_line(line) + "\n"
    encoding = tiny.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
    name_ends = text.index('", "delta": ') + 1
    content_begins = text.index('"content": "') + len('"content": "')
    parts = {"name": 0.0, "delta": 0.0, "content": 0.0}
    nats = nats_after(tiny, encode(tiny, prefix), encoding.ids)
    for (_, end), value in zip(encoding.offsets, nats, strict=True):
        part = "name" if end <= name_ends else "content" if end > content_begins else "delta"
        parts[part] += value
    return parts


def naive_deltas(tiny: Tiny, prefix: str, line: Line) -> list[float]:
    """Multiply, for each delta, the probabilities of those tokens that tell it from another, each by a full forward."""
    encoded = [encode(tiny, render_line(Line(line.name, delta, line.content)) + "\n") for delta in DELTAS]
    before = encode(tiny, prefix)
    weights = []
    for tokens in encoded:
        nats = nats_after(tiny, before, tokens)
        telling = [
            any(other[:at] == tokens[:at] and other[at] != tokens[at] for other in encoded) for at in range(len(tokens))
        ]
        weights.append(math.exp(-sum(value for value, tells in zip(nats, telling, strict=True) if tells)))
    return [weight / sum(weights) for weight in weights]


def assert_close(score: LineScore, expected: dict[str, float]) -> None:
    for part, value in expected.items():
        assert getattr(score, part) == pytest.approx(value, abs=1e-4)


def row_of(tiny: Tiny, header: Header, said: list[Line], positions: set[int]) -> TokenRow:
    tokens = encode(tiny, render(header, []))
    targets = []
    for position, line in enumerate(said):
        ids = encode(tiny, render_line(line) + "\n")
        if position in positions:
            targets.append((position, len(tokens), len(tokens) + len(ids)))
        tokens = tokens + ids
    return TokenRow(np.array(tokens, dtype=np.uint32), targets)


# targets need not be neighbours; a chunk may end anywhere, and a row may be longer than a chunk
@pytest.mark.parametrize("chunk", [512, 37])
def test_a_row_scores_each_target_as_a_plain_forward_does(
    tiny_model: Tiny, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix_cache, "CHUNK_TOKENS", chunk)
    header, said = conversation(9, seed=4)
    row = row_of(tiny_model, header, said, {3, 5, 6, 8})
    chosen = [said[position] for position, _, _ in row.targets]
    swapped = [[Line(name, line.delta, line.content) for name in NAMES] for line in chosen]
    scores = score_row(tiny_model.model, tiny_model.tokenizer, row, chosen, swapped)
    for (position, _, _), score, others in zip(row.targets, scores, swapped, strict=True):
        prefix = render(header, said[:position])
        assert_close(score, naive(tiny_model, prefix, said[position]))
        assert min(score.name, score.delta, score.content) > 0
        assert score.characters == len(said[position].content)
        assert score.deltas == pytest.approx(naive_deltas(tiny_model, prefix, said[position]), abs=1e-5)
        assert sum(score.deltas) == pytest.approx(1)
        expected = [naive(tiny_model, prefix, other)["content"] for other in others]
        assert score.alternatives == pytest.approx(expected, abs=1e-4)
        assert score.content in [pytest.approx(value, abs=1e-4) for value in expected]


def test_lines_after_a_shared_prefix_score_as_each_alone(tiny_model: Tiny) -> None:
    prefix = render(*conversation(6, seed=6))
    candidates = [*lines(40, seed=7), *(Line(name, "<5m", "the same words") for name in NAMES)]
    scores = list(score_contents(tiny_model.model, tiny_model.tokenizer, prefix, candidates))
    expected = [naive(tiny_model, prefix, line)["content"] for line in candidates]
    assert scores == pytest.approx(expected, abs=1e-4)


def test_a_model_whose_cache_cannot_be_cut_scores_the_same(tiny_model: Tiny) -> None:
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        **{
            **tiny_model.model.config.to_dict(),
            "use_sliding_window": True,
            "sliding_window": 24,
            "max_window_layers": 2,
            "layer_types": ["full_attention", "full_attention", "sliding_attention", "sliding_attention"],
        }
    )
    slides = Qwen3ForCausalLM(config).eval()
    slides.load_state_dict(tiny_model.model.state_dict())
    sliding = Tiny(tiny_model.folder, slides, tiny_model.tokenizer)
    prefix = render(*conversation(6, seed=6))
    candidates = lines(3, seed=7)
    expected = [naive(sliding, prefix, line)["content"] for line in candidates]
    assert list(score_contents(slides, sliding.tokenizer, prefix, candidates)) == pytest.approx(expected, abs=1e-4)
    assert expected != pytest.approx([naive(tiny_model, prefix, line)["content"] for line in candidates], abs=1e-3)


@pytest.mark.parametrize("content", ['say "hi" <b> \\o/', ":)", "\u2028", "…", "👩‍👩‍👧", "<|endoftext|>"])
def test_escapes_count_as_the_characters_they_stand_for(tiny_model: Tiny, content: str) -> None:
    header, line = Header("dm", ("Kim", "Zoë Field"), "2024-03-15"), Line('K"im', "1d+", content)
    row = row_of(tiny_model, header, [line], {0})
    (score,) = score_row(tiny_model.model, tiny_model.tokenizer, row, [line])
    assert_close(score, naive(tiny_model, render(header, []), line))
    assert score.characters == len(content)


def test_a_line_that_is_tokenised_otherwise_than_in_its_row_is_a_bug(tiny_model: Tiny) -> None:
    header, said = conversation(2, seed=4)
    row = row_of(tiny_model, header, said, {1})
    with pytest.raises(ValueError, match="tokenised"):
        score_row(tiny_model.model, tiny_model.tokenizer, row, [Line("Kim", "<1m", "something else")])


@pytest.mark.parametrize("chunk", [512, 16])
def test_rows_after_other_lines_are_scored_as_in_one_plain_pass(
    tiny_model: Tiny, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(prefix_cache, "CHUNK_TOKENS", chunk)
    shown = render(*conversation(3, seed=8))
    rows, targets, expected = [], [], []
    for seed, length in ((1, 6), (2, 3), (3, 5)):
        header, said = conversation(length, seed=seed)
        before, own = said[:-2], said[-2:]
        text, spans = render(header, before), []
        tokens = encode(tiny_model, text)
        sums = []
        for position, line in enumerate(own):
            sums.append(naive(tiny_model, shown + text, line)["content"])
            first = len(tokens)
            text += render_line(line) + "\n"
            tokens = encode(tiny_model, text)
            spans.append((position, first, len(tokens)))
        rows.append(TokenRow(np.asarray(tokens, dtype=np.uint32), spans))
        targets.append(own)
        expected.append(sums)
    found = list(score_rows_after(tiny_model.model, tiny_model.tokenizer, shown, rows, targets))
    for of_row, sums in zip(found, expected, strict=True):
        assert of_row == pytest.approx(sums, abs=1e-4)


def test_a_score_that_is_not_a_number_is_an_error_and_not_a_figure(tiny_model: Tiny) -> None:
    header, said = Header("dm", NAMES[:2], "2024-01-01"), lines(6, seed=1)
    damaged = copy.deepcopy(tiny_model.model)
    with torch.no_grad():
        damaged.model.norm.weight[0] = float("nan")
    with pytest.raises(ModelError, match="computes NaN"):
        list(score_contents(damaged, tiny_model.tokenizer, render(header, said), said))
    with pytest.raises(ModelError, match="computes NaN"):
        score_row(damaged, tiny_model.tokenizer, row_of(tiny_model, header, said, {1, 3}), [said[1], said[3]])
