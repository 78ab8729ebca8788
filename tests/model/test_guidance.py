from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from invented import NAMES, Tiny, conversation, lines
from transformers import AutoConfig, AutoModelForCausalLM

from ventriloquist.model import line_writer
from ventriloquist.model.engine import engine_of
from ventriloquist.model.grammar import LineGrammar
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.recent_prefixes import RecentPrefixes
from ventriloquist.model.sampling import Sampling, guide
from ventriloquist.model.tokens import encode
from ventriloquist.transcript import UNKNOWN, Header, Line, line_opening, render_header, render_line

GREEDY = Sampling(temperature=0, name_guidance=10)  # the tiny model's weights are random: a name changes little
UNGUIDED = Sampling(temperature=0, name_guidance=0)
CONTENT = '"content":'


class _Stop(Exception):  # noqa: N818  # it is not an error
    pass


@pytest.fixture(scope="module")
def sliding(tiny_model: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Return a model with random weights whose layers see 40 tokens, with the tokenizer of `tiny_model`."""
    config = AutoConfig.for_model(
        "gemma3_text", vocab_size=tiny_model.model.config.vocab_size, hidden_size=32, intermediate_size=64,
        num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2, head_dim=8, sliding_window=40,
    )  # fmt: skip
    torch.manual_seed(0)
    return Tiny(tiny_model.folder, AutoModelForCausalLM.from_config(config).eval(), tiny_model.tokenizer)


@pytest.fixture
def context() -> list[str]:
    header, said = conversation(8, seed=5)
    return [render_header(header) + "\n", *(render_line(line) + "\n" for line in said)]


def writer_of(tiny: Tiny, **settings: Any) -> LineWriter:
    return LineWriter(tiny.model, tiny.tokenizer, **{"sampling": GREEDY, "max_tokens": 8, **settings})


def one_by_one(
    tiny: Tiny, context: Sequence[str], name: str, delta: str, sampling: Sampling, most: int, content: str = ""
) -> str:
    """Write the rest of a content greedily without a cache: each token from two passes over the whole text."""
    grammar = LineGrammar(tiny.tokenizer, engine_of(tiny.model).vocabulary)
    prompt = [token for number, line in enumerate(context) for token in encode(tiny.tokenizer, line, start=number == 0)]

    def begun(by: str) -> str:
        return f'{line_opening(by)} "delta": "{delta}", {CONTENT}{content}'

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


def test_the_rest_of_a_content_that_is_begun_is_guided(tiny_model: Tiny, context: list[str]) -> None:
    for begun in ("", ' "', ' "hel', ' "so we'):
        opening = f'{line_opening("Kim")} "delta": "<1m", {CONTENT}{begun}'
        rest = "".join(writer_of(tiny_model).complete(context, NAMES, opening))
        expected = one_by_one(tiny_model, context, "Kim", "<1m", GREEDY, 8, begun)
        assert expected.startswith(rest.removesuffix('"}\n'))


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


def test_a_guided_line_reads_what_is_new_once(tiny_model: Tiny) -> None:
    said = [render_line(line) + "\n" for line in lines(40, seed=3)]
    context = [render_header(Header("group", NAMES, "2024-03-15")) + "\n", *said]
    writer = writer_of(tiny_model)
    length = sum(map(writer.count_tokens, context))
    assert length > 600
    opening = 30  # at most, of a line, with "Unknown" too
    content = 9
    fed = sum(_fed(tiny_model, lambda: _line(writer, context, "Kim")))
    assert fed < length + opening + 2 * (opening + content)
    line = render_line(_line(writer, context, "Kim")) + "\n"
    again = sum(_fed(tiny_model, lambda: _line(writer, [*context, line], "Kim")))
    assert again < writer.count_tokens(line) + opening + 2 * (opening + content)
    alternatives = sum(_fed(tiny_model, lambda: writer.candidates([*context, line], ("Kim",), 3)))
    assert alternatives < 3 * (opening + 2 * (opening + content))


def test_alternatives_are_written_in_parts_that_fit(
    tiny_model: Tiny, context: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_of(tiny_model)
    length = sum(map(writer.count_tokens, context)) + 40
    monkeypatch.setattr(line_writer, "BATCH_TOKENS", 2 * 3 * length)
    found: list[Line] = []
    rows = _count_rows(tiny_model, lambda: found.extend(writer.candidates(context, ("Kim",), 5)))
    assert len(found) == 5
    assert max(rows) == 4  # two lines, each with its second row


@pytest.mark.parametrize("after", range(12))
def test_a_line_that_is_stopped_leaves_the_cache_right(tiny_model: Tiny, context: list[str], after: int) -> None:
    def write(writer: LineWriter) -> list[Line]:
        return [_line(writer, context, name) for name in NAMES] + writer.candidates(context, NAMES, 2)

    def stop() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Stop

    writer = writer_of(tiny_model, prefixes=2)

    def until_stopped(work: Any) -> None:
        while True:
            work(writer.with_request(seed=after, sampling=GREEDY, before_pass=stop))

    for work in (lambda one: _line(one, context, "Kim"), lambda one: one.candidates(context, ("Kim",), 2)):
        left = after
        with pytest.raises(_Stop):
            until_stopped(work)
        fresh, again = (
            write(one.with_request(seed=3, sampling=GREEDY, before_pass=lambda: None))
            for one in (writer_of(tiny_model), writer)
        )
        assert again == fresh


def test_a_base_model_with_sliding_windows_writes_without_guidance(sliding: Tiny, context: list[str]) -> None:
    def written(sampling: Sampling) -> list[Line]:
        writer = writer_of(sliding, sampling=sampling)
        alone = [_line(writer, context, name) for name in NAMES]
        return [
            *alone,
            *writer.candidates(context, NAMES, 3),
            *writer.write_each([context, context[:4]], [NAMES] * 2, 0),
        ]

    assert written(GREEDY) == written(UNGUIDED)
    writer = writer_of(sliding)
    length = sum(map(writer.count_tokens, context))
    assert length > 120
    assert length < sum(_fed(sliding, lambda: writer.candidates(context, ("Kim",), 4))) < length + 4 * 40  # read once
    assert set(_count_rows(sliding, lambda: _line(writer, context, "Kim"))) == {1}


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
    expected = named.softmax(-1) ** 3 / unknown.softmax(-1) ** 2
    assert torch.allclose(guide(named, unknown, 2).softmax(-1), expected / expected.sum(-1, keepdim=True))
    assert torch.equal(guide(named, unknown, 0), named)


def _after(tiny: Tiny, texts: list[list[int]], parts: Sequence[tuple[int, int]], then: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        read = [tiny.model(input_ids=torch.tensor([texts[row][:length] + then])).logits[0, -1] for row, length in parts]
    return torch.stack(read)


def _line(writer: LineWriter, context: Sequence[str], name: str) -> Line:
    line = list(writer.write(context, (name,)))[-1].line
    assert line is not None
    return line


def _shapes(tiny: Tiny, work: Any) -> list[tuple[int, int]]:
    """Return the number of rows and of tokens of each forward pass."""
    shapes: list[tuple[int, int]] = []
    hook = tiny.model.register_forward_pre_hook(
        lambda *arguments: shapes.append(tuple(arguments[2]["input_ids"].shape)), with_kwargs=True
    )
    work()
    hook.remove()
    return shapes


def _count_rows(tiny: Tiny, work: Any) -> list[int]:
    return [rows for rows, _ in _shapes(tiny, work)]


def _fed(tiny: Tiny, work: Any) -> list[int]:
    return [rows * tokens for rows, tokens in _shapes(tiny, work)]


def test_a_row_of_a_model_with_sliding_windows_is_read_on_without_its_beginning(
    sliding: Tiny, context: list[str]
) -> None:
    ids = [token for number, line in enumerate(context) for token in encode(sliding.tokenizer, line, start=number == 0)]
    engine = engine_of(sliding.model)
    prefixes = RecentPrefixes(engine)
    ends = [len(ids) - 30, *range(len(ids) - 29, len(ids) - 10), len(ids)]

    def read_on() -> None:
        for end in ends:
            whole = RecentPrefixes(engine).logits_after(ids[:end]) if end in (ends[5], ends[-1]) else None
            found = prefixes.logits_after(ids[:end])
            if whole is not None:
                torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-4)

    assert sum(_fed(sliding, read_on)) == len(ids) + ends[5] + len(ids)  # once, and twice to compare
    writer = writer_of(sliding)
    assert len(ids) <= sum(_fed(sliding, lambda: _line(writer, context, "Kim"))) < len(ids) + 60
