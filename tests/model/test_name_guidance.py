from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import NAMES, Tiny, conversation, lines

from ventriloquist.model.engine import engine_of
from ventriloquist.model.grammar import LineGrammar
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.sampling import Sampling, guide
from ventriloquist.model.tokens import encode
from ventriloquist.transcript import UNKNOWN, Header, Line, line_opening, render_header, render_line

GREEDY = Sampling(temperature=0, name_guidance=10)  # the tiny model's weights are random: a name changes little
UNGUIDED = Sampling(temperature=0, name_guidance=0)
CONTENT = '"content":'


@pytest.fixture
def context() -> list[str]:
    header, said = conversation(8, seed=5)
    return [render_header(header) + "\n", *(render_line(line) + "\n" for line in said)]


def writer_of(tiny: Tiny, **settings: Any) -> LineWriter:
    return LineWriter(tiny.model, tiny.tokenizer, **{"sampling": GREEDY, "max_tokens": 8, **settings})


def one_by_one(tiny: Tiny, context: Sequence[str], name: str, delta: str, sampling: Sampling, most: int) -> str:
    """Write a content greedily without a cache: each token from two passes over the whole text."""
    grammar = LineGrammar(tiny.tokenizer, engine_of(tiny.model).vocabulary)
    prompt = [token for number, line in enumerate(context) for token in encode(tiny.tokenizer, line, start=number == 0)]

    def begun(by: str) -> str:
        return f'{line_opening(by)} "delta": "{delta}", {CONTENT}'

    matcher = grammar.begin([name])
    matcher.take(encode(tiny.tokenizer, begun(name)))
    new: list[int] = list(matcher.forced())
    written = matcher.take(new) if new else b""
    while not matcher.finished and most:
        after = []
        for by in (name, UNKNOWN):
            ids = torch.tensor([prompt + encode(tiny.tokenizer, begun(by)) + new])
            with torch.inference_mode():
                after.append(tiny.model(input_ids=ids).logits[0, -1].log_softmax(-1))
        guided = (1 + sampling.name_guidance) * after[0] - sampling.name_guidance * after[1]
        token = int(guided.masked_fill(~torch.from_numpy(matcher.allowed()), -torch.inf).argmax())
        new.append(token)
        written += matcher.take([token])
        if forced := matcher.forced():
            new += forced
            written += matcher.take(forced)
        most -= 1
    return written.decode("utf-8", "ignore")


def test_each_token_of_a_content_is_drawn_from_the_guided_logits(tiny_model: Tiny, context: list[str]) -> None:
    differ = False
    for name in NAMES:
        line = _line(writer_of(tiny_model), context, name)
        expected = one_by_one(tiny_model, context, name, line.delta, GREEDY, 8)
        assert expected.startswith(render_line(line).split(CONTENT)[1].removesuffix('"}'))
        differ |= one_by_one(tiny_model, context, name, line.delta, UNGUIDED, 8) != expected
    assert differ


def test_one_line_many_alternatives_and_a_batch_are_written_alike(tiny_model: Tiny, context: list[str]) -> None:
    found: dict[tuple[str, str], set[str]] = {}
    writer = writer_of(tiny_model)
    for name in NAMES:
        alone = [_line(writer, context, name) for _ in range(6)]
        several = writer.candidates(context, (name,), 6)
        batch = writer.write_each([context, context[:3]] * 6, [(name,)] * 12, seed=0)[::2]
        for line in (*alone, *several, *batch):
            found.setdefault((line.name, line.delta), set()).add(line.content)
    assert all(len(contents) == 1 for contents in found.values())
    assert len({content for contents in found.values() for content in contents}) > 1


def test_the_rest_of_a_line_that_is_begun_in_its_content_is_guided(tiny_model: Tiny, context: list[str]) -> None:
    line = _line(writer_of(tiny_model), context, "Kim")
    begun = render_line(line).split(CONTENT)[0] + CONTENT
    assert (
        "".join(writer_of(tiny_model).complete(context, NAMES, begun)).strip()
        == render_line(line)[len(begun) :].strip()
    )


def test_names_and_deltas_are_drawn_as_without_guidance(tiny_model: Tiny, context: list[str]) -> None:
    def drawn(weight: float) -> list[tuple[str, str]]:
        sampling = Sampling(name_guidance=weight)
        said = writer_of(tiny_model, sampling=sampling).write_each([context] * 12, [NAMES] * 12, seed=1)
        return [(line.name, line.delta) for line in said]

    assert drawn(0) == drawn(3)


def test_an_unknown_person_is_written_as_without_guidance(tiny_model: Tiny, context: list[str]) -> None:
    passes = _count_rows(tiny_model, lambda: _line(writer_of(tiny_model), context, UNKNOWN))
    assert set(passes) == {1}


def test_a_weight_of_zero_reads_no_second_row(tiny_model: Tiny, context: list[str]) -> None:
    assert set(_count_rows(tiny_model, lambda: _line(writer_of(tiny_model, sampling=UNGUIDED), context, "Kim"))) == {1}


def test_a_guided_line_reads_its_context_once(tiny_model: Tiny) -> None:
    said = [render_line(line) + "\n" for line in lines(40, seed=3)]
    context = [render_header(Header("group", NAMES, "2024-03-15")) + "\n", *said]
    writer, read = writer_of(tiny_model), []
    hook = tiny_model.model.register_forward_pre_hook(
        lambda *arguments: read.append(arguments[2]["input_ids"].numel()), with_kwargs=True
    )
    for work in (lambda: _line(writer, context, "Kim"), lambda: writer.candidates(context, ("Kim",), 3)):
        read.clear()
        work()
        assert sum(read) < sum(map(writer.count_tokens, context)) + 250
    hook.remove()
    assert sum(map(writer.count_tokens, context)) > 600


def test_stopping_in_a_guided_line_leaves_no_trace(tiny_model: Tiny, context: list[str]) -> None:
    writer = writer_of(tiny_model)
    pieces = writer.write(context, ("Kim",))
    next(pieces)
    pieces.close()
    fresh = _line(writer_of(tiny_model, seed=1), context, "Kim")
    again = [_line(writer, context, "Kim") for _ in range(8)]
    assert all(line.content == fresh.content for line in again if line.delta == fresh.delta)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(3, 90), min_size=2, max_size=30), min_size=1, max_size=4), st.data())
def test_rows_that_fork_read_on_as_if_they_had_read_everything(
    tiny_model: Tiny, texts: list[list[int]], data: st.DataObject
) -> None:
    source = engine_of(tiny_model.model).rows()
    source.feed(texts)
    rows = st.integers(0, len(texts) - 1).flatmap(lambda row: st.tuples(st.just(row), st.integers(1, len(texts[row]))))
    parts = data.draw(st.lists(rows, min_size=1, max_size=4))
    forked = source.fork(parts)
    assert torch.allclose(forked.feed([[5, 6]] * len(parts)), _after(tiny_model, texts, parts, [5, 6]), atol=1e-4)
    kept = data.draw(st.lists(st.integers(0, len(parts) - 1), min_size=1, max_size=3, unique=True))
    forked.select(kept)
    expected = _after(tiny_model, texts, [parts[index] for index in kept], [5, 6, 7])
    assert torch.allclose(forked.feed([[7]] * len(kept)), expected, atol=1e-4)
    whole = [(row, len(text)) for row, text in enumerate(texts)]
    assert torch.allclose(source.feed([[8]] * len(texts)), _after(tiny_model, texts, whole, [8]), atol=1e-4)


def test_guided_logits_are_those_of_the_formula() -> None:
    named, unknown = torch.randn(2, 7).double(), torch.randn(2, 7).double()
    expected = named.softmax(-1).log() * 3 - unknown.softmax(-1).log() * 2
    assert torch.allclose(guide(named, unknown, 2).double(), expected, atol=1e-5)
    assert torch.allclose(guide(named, unknown, 0).double(), named.log_softmax(-1), atol=1e-5)


def _after(tiny: Tiny, texts: list[list[int]], parts: Sequence[tuple[int, int]], then: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        read = [tiny.model(input_ids=torch.tensor([texts[row][:length] + then])).logits[0, -1] for row, length in parts]
    return torch.stack(read)


def _line(writer: LineWriter, context: Sequence[str], name: str) -> Line:
    line = list(writer.write(context, (name,)))[-1].line
    assert line is not None
    return line


def _count_rows(tiny: Tiny, work: Any) -> list[int]:
    rows: list[int] = []
    hook = tiny.model.register_forward_pre_hook(
        lambda *arguments: rows.append(arguments[2]["input_ids"].shape[0]), with_kwargs=True
    )
    work()
    hook.remove()
    return rows
