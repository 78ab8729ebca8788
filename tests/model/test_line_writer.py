from __future__ import annotations

import pytest
import torch
from invented import HOSTILE_CONTENTS, HOSTILE_NAMES, NAMES, Tiny, conversation, lines

from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.partial_line import Piece
from ventriloquist.model.sampling import Sampling
from ventriloquist.transcript import DELTAS, Header, Line, parse_line, render_header, render_line

WILD = Sampling(temperature=3.0, min_p=0.0)
UNGUIDED = Sampling(name_guidance=0)


def context_of(header: Header, said: list[Line]) -> list[str]:
    return [render_header(header) + "\n", *(render_line(line) + "\n" for line in said)]


@pytest.fixture
def context() -> list[str]:
    return context_of(*conversation(8, seed=5))


def session(tiny: Tiny, **settings) -> LineWriter:
    return LineWriter(tiny.model, tiny.tokenizer, **settings)


def written(pieces: list[Piece]) -> Line:
    """Return the line, having checked that the pieces make up its content."""
    line = pieces[-1].line
    assert line is not None
    assert all(piece.line is None for piece in pieces[:-1])
    assert {(piece.name, piece.delta) for piece in pieces} == {(line.name, line.delta)}
    assert "".join(piece.text for piece in pieces) == line.content
    return line


def test_every_line_at_high_temperature_is_valid_whatever_the_context(tiny_model: Tiny) -> None:
    names = (*NAMES, *HOSTILE_NAMES)
    writer = session(tiny_model, sampling=WILD, max_tokens=12)
    context = context_of(
        Header("group", names, "2024-03-15"),
        [Line(name, "<1m", content) for name, content in zip(HOSTILE_NAMES, HOSTILE_CONTENTS, strict=False)],
    )
    seen = set()
    for index in range(20):  # twenty-five lines each: 500
        allowed = names if index % 2 else (names[index // 2],)
        before = context[: 1 + index % len(context)]
        for line in [written(list(writer.write(before, allowed))), *writer.candidates(before, allowed, 24)]:
            assert line.name in allowed
            assert line.delta in DELTAS
            rendered = render_line(line)
            assert parse_line(rendered) == line
            assert "\n" not in rendered
            assert not {"<|", "</", "<s"} & {rendered[at : at + 2] for at in range(len(rendered))}
            seen.add(line.name)
    assert seen == set(names)


def test_logits_with_the_cache_are_those_without(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model)
    encode = tiny_model.tokenizer.backend_tokenizer.encode
    ids = [token for line in context for token in encode(line, add_special_tokens=False).ids]
    other = [*ids[:50], 7, 8, 9]
    for wanted in (ids[:40], ids, ids[:60], ids[:60], other, ids, ids[:1], ids):
        with torch.inference_mode():
            plain = tiny_model.model(input_ids=torch.tensor([wanted])).logits[0, -1]
        assert torch.allclose(writer.logits_after(wanted), plain, atol=1e-4)


def test_a_context_is_computed_once(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=UNGUIDED)
    line = written(list(writer.write(context, NAMES)))
    fed = _count_tokens(tiny_model, lambda: list(writer.write([*context, render_line(line) + "\n"], NAMES)))
    assert fed < writer.count_tokens(render_line(line) + "\n") + 40 < sum(writer.count_tokens(text) for text in context)


def test_undo_retry_and_another_name_reuse_what_was_read(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=UNGUIDED, max_tokens=8)
    line = written(list(writer.write(context, ("Kim",))))
    for before, names in (
        (context, ("Kim",)),  # retry
        (context, ("Robin Oak",)),
        ([*context, render_line(line) + "\n"], NAMES),
        (context[:-2], NAMES),  # undo
        (context[:-2], ("Kim",)),
    ):
        assert _count_tokens(tiny_model, lambda b=before, n=names: list(writer.write(b, n))) < 60
    assert sum(map(writer.count_tokens, context)) > 180


def test_forced_tokens_need_no_pass_of_their_own(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=UNGUIDED)
    writer.next_name(context, NAMES)
    passes = _passes(tiny_model, lambda: list(writer.write(context, ("Zoë Field",))))
    assert passes.count < passes.tokens - 5


def test_an_interrupted_pass_leaves_a_session_that_goes_on(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=Sampling(temperature=0))
    expected = written(list(session(tiny_model, sampling=Sampling(temperature=0)).write(context, ("Kim",))))
    encode = tiny_model.tokenizer.backend_tokenizer.encode
    ids = [token for line in context for token in encode(line, add_special_tokens=False).ids]
    plain = _logits(tiny_model, ids)
    writer.logits_after(ids[:30])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    hook = tiny_model.model.model.layers[2].register_forward_hook(interrupt)
    with pytest.raises(KeyboardInterrupt):
        writer.logits_after(ids)
    hook.remove()
    assert torch.allclose(writer.logits_after(ids), plain, atol=1e-4)
    assert written(list(writer.write(context, ("Kim",)))) == expected


def test_stopping_in_the_middle_of_a_line_leaves_no_trace(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=Sampling(temperature=0))
    pieces = writer.write(context, ("Kim",))
    next(pieces)
    pieces.close()
    encode = tiny_model.tokenizer.backend_tokenizer.encode
    ids = [token for line in context for token in encode(line, add_special_tokens=False).ids]
    assert torch.allclose(writer.logits_after(ids), _logits(tiny_model, ids), atol=1e-4)


def test_a_seed_gives_the_same_conversation_again(tiny_model: Tiny, context: list[str]) -> None:
    def converse(seed: int) -> list[Line]:
        writer, said = session(tiny_model, seed=seed, max_tokens=20), list(context)
        for _ in range(3):
            line = written(list(writer.write(said, (writer.next_name(said, NAMES),))))
            said.append(render_line(line) + "\n")
        return [parse_line(text.rstrip("\n")) for text in said[-3:]]

    assert converse(1) == converse(1)
    assert converse(1) != converse(2)


def test_a_line_at_its_limit_is_closed_after_a_whole_character(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=WILD, max_tokens=4)
    for _ in range(40):
        line = written(list(writer.write(context, NAMES)))
        assert "\ufffd" not in line.content
        assert parse_line(render_line(line)) == line


def test_the_next_name_is_drawn_at_the_models_own_rates(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model)
    drawn = [writer.next_name(context, ("Kim", "Robin Oak")) for _ in range(400)]
    encode = tiny_model.tokenizer.backend_tokenizer.encode
    prompt = [token for line in context for token in encode(line, add_special_tokens=False).ids]
    shared = encode('{"name": "Kim"', add_special_tokens=False).ids
    other = encode('{"name": "Robin Oak"', add_special_tokens=False).ids
    at = next(index for index, (a, b) in enumerate(zip(shared, other, strict=False)) if a != b)
    matcher = writer._grammar.begin(("Kim", "Robin Oak"))
    matcher.take(shared[:at])
    probabilities = torch.softmax(_logits(tiny_model, prompt + shared[:at]), -1)
    allowed = torch.from_numpy(matcher.allowed()).nonzero()[:, 0].tolist()
    mass = {"Kim": 0.0, "Robin Oak": 0.0}
    for token in allowed:
        text = tiny_model.tokenizer.decode([token])
        mass["Kim" if "K" in text else "Robin Oak"] += float(probabilities[token])
    share = mass["Kim"] / sum(mass.values())
    assert drawn.count("Kim") / 400 == pytest.approx(share, abs=4 * (share * (1 - share) / 400) ** 0.5)


def test_a_name_that_begins_another_is_told_apart(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=WILD)
    names = ("Kim", "Kimberley", "Kim K")
    assert {writer.next_name(context, names) for _ in range(80)} == set(names)


def test_one_name_needs_no_drawing(tiny_model: Tiny, context: list[str]) -> None:
    assert _passes(tiny_model, lambda: session(tiny_model).next_name(context, ("Kim",))).count == 0


def test_candidates_are_valid_lines_that_differ(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=WILD, max_tokens=15)
    found = writer.candidates(context, ("Kim",), 6)
    assert len(found) == 6
    assert len(set(found)) > 3
    assert all(line.name == "Kim" and parse_line(render_line(line)) == line for line in found)


def test_candidates_are_the_lines_that_would_be_written_one_by_one(tiny_model: Tiny, context: list[str]) -> None:
    greedy = Sampling(temperature=0)
    # delta is drawn at temperature 1 all the same: compare the contents of those with the same delta
    writer = session(tiny_model, sampling=greedy, max_tokens=15)
    alone = {(line := written(list(writer.write(context, ("Kim",))))).delta: line for _ in range(30)}
    batch = writer.candidates(context, ("Kim",), 8)
    common = [line for line in batch if line.delta in alone]
    assert common
    assert all(line == alone[line.delta] for line in common)


def test_candidates_leave_the_cache_as_it_was(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, sampling=UNGUIDED, max_tokens=8)
    writer.candidates(context, ("Kim",), 3)
    assert _count_tokens(tiny_model, lambda: writer.candidates(context, ("Kim",), 1)) < 40


def test_a_long_context_is_fed_in_parts_to_the_same_end(tiny_model: Tiny) -> None:
    context = context_of(Header("group", NAMES, "2024-03-15"), lines(60, seed=3))
    encode = tiny_model.tokenizer.backend_tokenizer.encode
    ids = [token for line in context for token in encode(line, add_special_tokens=False).ids]
    assert len(ids) > 1024
    assert torch.allclose(session(tiny_model).logits_after(ids), _logits(tiny_model, ids), atol=1e-4)


class _Counter:
    def __init__(self) -> None:
        self.count = self.tokens = 0

    def __call__(self, module: object, args: object, kwargs: dict[str, torch.Tensor]) -> None:
        self.count += 1
        self.tokens += kwargs["input_ids"].numel()


def _passes(tiny: Tiny, work) -> _Counter:
    counter = _Counter()
    hook = tiny.model.register_forward_pre_hook(counter, with_kwargs=True)
    work()
    hook.remove()
    return counter


def _count_tokens(tiny: Tiny, work) -> int:
    return _passes(tiny, work).tokens


def _logits(tiny: Tiny, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return tiny.model(input_ids=torch.tensor([ids])).logits[0, -1]


def test_a_line_of_a_batch_does_not_depend_on_the_other_contexts(tiny_model: Tiny, context: list[str]) -> None:
    writer = session(tiny_model, max_tokens=12)
    short, long = context[:3], context
    names = [NAMES[:2], NAMES[1:2], NAMES]
    first = writer.write_each([long, short, long], names, seed=3)
    assert first == writer.write_each([long, short, long], names, seed=3)
    assert writer.write_each([short, short, short], names, seed=3)[1] == first[1]
    assert writer.write_each([long, short, long], names, seed=4) != first
    assert [line.name in allowed for line, allowed in zip(first, names, strict=True)] == [True] * 3
    assert all(parse_line(render_line(line)) == line and line.content for line in first)


def test_a_batch_at_temperature_0_writes_what_a_chat_writes(tiny_model: Tiny, context: list[str]) -> None:
    """The name and the delta are sampled, so they are given by a context of one name and compared apart."""
    writer = session(tiny_model, sampling=Sampling(temperature=0), max_tokens=12)
    contexts = [context[:index] for index in range(1, len(context))]
    batched = writer.write_each(contexts, [NAMES[:1]] * len(contexts), seed=0)
    alone = [written(list(writer.write(one, NAMES[:1]))) for one in contexts]
    same = [(one.content, other.content) for one, other in zip(batched, alone, strict=True) if one.delta == other.delta]
    assert same
    assert all(one == other for one, other in same)
