from __future__ import annotations

from pathlib import Path

import pytest
import torch
from invented import Tiny

from ventriloquist.model.generate import sample_lines
from ventriloquist.model.sampling import MIN_P, TEMPERATURE, Sampling, draw


def test_a_batch_writes_what_each_prompt_writes_alone(tiny_model: Tiny, prompts: list[str]) -> None:
    together = sample_lines(tiny_model.model, tiny_model.tokenizer, prompts, max_new_tokens=30, temperature=0)
    alone = [
        sample_lines(tiny_model.model, tiny_model.tokenizer, [prompt], max_new_tokens=30, temperature=0)[0]
        for prompt in prompts
    ]
    assert together == alone
    assert any(together)


def test_what_the_cache_cannot_hold_at_once_is_written_in_turns(
    tiny_model: Tiny, prompts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = sample_lines(tiny_model.model, tiny_model.tokenizer, prompts * 3, max_new_tokens=20, seed=1)
    monkeypatch.setattr("ventriloquist.model.generate.BATCH_TOKENS", 150)  # a long prompt is a batch by itself
    assert sample_lines(tiny_model.model, tiny_model.tokenizer, prompts * 3, max_new_tokens=20, seed=1) == together


def test_greedy_lines_are_those_of_plain_generation(tiny_model: Tiny, prompts: list[str]) -> None:
    written = sample_lines(tiny_model.model, tiny_model.tokenizer, prompts, max_new_tokens=12, temperature=0)
    for prompt, line in zip(prompts, written, strict=True):
        ids = tiny_model.tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        output = tiny_model.model.generate(**ids, max_new_tokens=12, do_sample=False)[0, ids["input_ids"].shape[1] :]
        text = tiny_model.tokenizer.decode(output, skip_special_tokens=True)
        assert line == text.split("\n")[0]


def test_a_seed_gives_the_same_lines_again_and_another_seed_others(tiny_model: Tiny, prompts: list[str]) -> None:
    first, again, other = (
        sample_lines(tiny_model.model, tiny_model.tokenizer, prompts * 2, max_new_tokens=20, seed=seed)
        for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other
    assert first[:3] != first[3:]  # each prompt has random numbers of its own


def test_a_line_ends_at_its_newline_while_the_others_go_on(tiny_model: Tiny) -> None:
    newlines = _only(tiny_model, "\n", "a", bias={"a": 2.0})
    lines = sample_lines(newlines, tiny_model.tokenizer, ["x"] * 60, max_new_tokens=40, temperature=1, min_p=0)
    assert all(set(line) <= {"a"} for line in lines)
    assert len({len(line) for line in lines}) > 3


def test_the_end_of_text_token_ends_a_line_and_is_not_part_of_it(tiny_model: Tiny) -> None:
    ending = _only(tiny_model, tiny_model.tokenizer.eos_token, "a")
    lines = sample_lines(ending, tiny_model.tokenizer, ["x"] * 20, max_new_tokens=40)
    assert all(set(line) <= {"a"} for line in lines)
    assert any(lines)


def test_no_prompts_give_no_lines(tiny_model: Tiny) -> None:
    assert sample_lines(tiny_model.model, tiny_model.tokenizer, []) == []


def test_tokens_are_drawn_as_often_as_they_are_likely() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(20_000, 1)
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    drawn = draw(logits, uniform, Sampling(temperature=1, min_p=0)).bincount(minlength=4) / 20_000
    assert drawn.tolist() == pytest.approx([0.5, 0.3, 0.15, 0.05], abs=0.02)


def test_min_p_drops_what_is_far_less_likely_than_the_likeliest() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]])).repeat(2000, 1)
    uniform = torch.rand(2000, generator=torch.Generator().manual_seed(0))
    assert set(draw(logits, uniform, Sampling(temperature=1, min_p=0.4)).tolist()) == {0, 1}


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24])
def test_the_ends_of_the_distribution_never_give_a_forbidden_token(uniform: float) -> None:
    logits = torch.full((1, 50_000), -torch.inf)
    logits[0, 100:200] = torch.randn(100, generator=torch.Generator().manual_seed(0))
    for temperature in (0.1, 1.0, 7.0):
        token = draw(logits, torch.tensor([uniform]), Sampling(temperature=temperature, min_p=0))
        assert 100 <= token.item() < 200


class _Biased(torch.nn.Module):
    """A model that writes nothing but the given tokens."""

    def __init__(self, model: torch.nn.Module, bias: torch.Tensor) -> None:
        super().__init__()
        self.model, self.bias, self.device = model, bias, model.device

    def forward(self, **inputs: object) -> object:
        output = self.model(**inputs)
        output.logits = output.logits + self.bias
        return output


def _only(tiny_model: Tiny, *texts: str, bias: dict[str, float] | None = None) -> _Biased:
    values = torch.full((tiny_model.model.config.vocab_size,), -torch.inf)
    for text in texts:
        (token,) = tiny_model.tokenizer(text, add_special_tokens=False)["input_ids"]
        values[token] = (bias or {}).get(text, 0.0)
    return _Biased(tiny_model.model, values)


def test_the_docs_name_the_sampling_defaults() -> None:
    text = (Path(__file__).parents[2] / "docs/chat.md").read_text(encoding="utf-8")
    assert f"temperature {TEMPERATURE} and min-p {MIN_P}" in text
