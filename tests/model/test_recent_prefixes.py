from __future__ import annotations

import pytest
import torch
from invented import NAMES, Tiny, conversation

from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.recent_prefixes import RecentPrefixes
from ventriloquist.model.sampling import Sampling, draw
from ventriloquist.transcript import Line, parse_line, render_header, render_line


class Stop(Exception):  # noqa: N818  # it is not an error
    pass


@pytest.fixture(scope="module")
def contexts() -> list[list[str]]:
    return [
        [render_header(header) + "\n", *(render_line(line) + "\n" for line in lines)]
        for header, lines in (conversation(12, seed) for seed in range(5))
    ]


def ids(writer: LineWriter, context: list[str]) -> list[int]:
    return writer._begin(context, NAMES)[0]


def test_conversations_in_turn_are_each_read_once_and_have_the_same_logits(
    tiny_model: Tiny, contexts: list[list[str]]
) -> None:
    writer = LineWriter(tiny_model.model, tiny_model.tokenizer, prefixes=3)
    passes = 0

    def count() -> None:
        nonlocal passes
        passes += 1

    prefixes: RecentPrefixes = writer._prefixes
    first = [prefixes.logits_after(ids(writer, context), count) for context in contexts[:3]]
    assert passes == 3
    again = [prefixes.logits_after(ids(writer, context), count) for context in contexts[:3]]
    assert passes == 3
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    prefixes.logits_after(ids(writer, contexts[3]), count)  # takes the place of the one that was used longest ago
    prefixes.logits_after(ids(writer, contexts[2]), count)
    assert passes == 4
    prefixes.logits_after(ids(writer, contexts[0]), count)
    assert passes == 5


def test_a_request_that_is_stopped_leaves_the_cache_right(tiny_model: Tiny, contexts: list[list[str]]) -> None:
    greedy = Sampling(temperature=0)
    writer = LineWriter(tiny_model.model, tiny_model.tokenizer, prefixes=3)

    def stops(after: int) -> LineWriter:
        left = after

        def before() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Stop

        return writer.with_request(seed=1, sampling=greedy, before_pass=before)

    def write(writer: LineWriter) -> Line | None:
        return list(writer.write(contexts[0], NAMES[:1]))[-1].line

    expected = write(LineWriter(tiny_model.model, tiny_model.tokenizer, seed=1, sampling=greedy))
    for after in range(4):
        with pytest.raises(Stop):
            write(stops(after))
        assert write(stops(10_000)) == expected
    with pytest.raises(Stop):
        stops(2).candidates(contexts[0], NAMES, 4)


def test_a_limit_of_one_token_is_a_line_with_something_in_it(tiny_model: Tiny, contexts: list[list[str]]) -> None:
    writer = LineWriter(tiny_model.model, tiny_model.tokenizer, sampling=Sampling(temperature=3, min_p=0))
    for seed in range(30):
        last = list(writer.write(contexts[seed % 5], NAMES, 1))[-1]
        assert last.line is not None
        assert last.line.content.strip()
        assert parse_line(render_line(last.line)) == last.line


@pytest.mark.parametrize(
    ("sampling", "drawn"),
    [
        (Sampling(temperature=1, min_p=0, top_k=2), {0, 1}),
        (Sampling(temperature=1, min_p=0, top_k=9), {0, 1, 2, 3}),
        (Sampling(temperature=1, min_p=0, top_p=0.49), {0}),
        (Sampling(temperature=1, min_p=0, top_p=0.51), {0, 1}),
        (Sampling(temperature=1, min_p=0, top_p=0), {0}),
        (Sampling(temperature=1, min_p=0, top_p=1), {0, 1, 2, 3}),
        (Sampling(temperature=1, min_p=0.3, top_p=0.9, top_k=3), {0, 1}),
    ],
)
def test_top_k_and_top_p_keep_the_likeliest(sampling: Sampling, drawn: set[int]) -> None:
    logits = torch.tensor([0.5, 0.3, 0.1, 0.1]).log().expand(2000, -1)
    logits = logits + torch.tensor([0, 0, 0.0001, 0])  # no two are equally likely
    uniform = torch.rand(2000, generator=torch.Generator().manual_seed(1))
    assert set(draw(logits, uniform, sampling).tolist()) == drawn
