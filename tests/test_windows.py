from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.windows import (
    WINDOW_SIZE,
    Block,
    Span,
    blocks,
    fit_block,
    holdout,
    holdout_size,
)


def starts_of(lengths: list[int]) -> list[int]:
    """Return where the message of each line begins, for messages of so many lines."""
    starts: list[int] = []
    for length in lengths:
        starts += [len(starts)] * length
    return starts


message_lengths = st.lists(st.sampled_from([1, 1, 1, 2, 3, 9]), max_size=120)


def test_a_twentieth_is_held_out_and_at_least_two_and_at_most_a_thousand() -> None:
    sizes = {9: 0, 10: 2, 40: 2, 59: 2, 60: 3, 20_000: 1000, 1_000_000: 1000}
    assert {messages: holdout_size(messages) for messages in sizes} == sizes


def test_ten_messages_are_six_two_and_two() -> None:
    assert holdout(range(10)) == (6, 8)


def test_nine_messages_are_all_training() -> None:
    assert holdout(range(9)) == (9, 9)
    assert holdout([]) == (0, 0)


def test_a_held_out_end_may_be_none_or_everything() -> None:
    assert holdout(range(20), 0) == (20, 20)
    assert holdout(range(20), 100) == (0, 0)


@given(message_lengths, st.one_of(st.none(), st.integers(0, 50)))
def test_a_held_out_end_begins_where_messages_begin_and_holds_enough(lengths: list[int], size: int | None) -> None:
    starts = starts_of(lengths)
    held = holdout(starts, size)
    total = len(starts)
    assert 0 <= held.validation_start <= held.test_start <= total
    if total < 10 or size == 0:
        assert held == (total, total)
        return
    for start in held:
        assert start in starts
    wanted = min(holdout_size(total) if size is None else max(2, size), total)
    assert total - held.test_start >= wanted
    assert total - held.test_start < wanted + 9  # no further back than the message it falls in
    assert held.test_start - held.validation_start >= min(wanted, held.test_start)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 150), st.integers(1, 80), st.integers(0, 200))
def test_blocks_take_every_target_once_with_its_context(
    first: int, count: int, context: int, size: int, offset: int
) -> None:
    targets = Span(first, first + count)
    found = list(blocks(targets, context=context, size=size, offset=offset))
    taken = [position for block in found for position in range(block.first_target, block.stop)]
    assert taken == list(range(targets.first, targets.last + 1))
    for block in found:
        assert block.start == max(0, block.first_target - context)
        assert 1 <= block.stop - block.first_target <= size
    if len(found) > 2:
        assert {block.stop - block.first_target for block in found[1:-1]} == {size}


def test_a_block_of_one_target_is_it_and_up_to_ninety_nine_before_it() -> None:
    found = list(blocks(Span(0, 150), context=WINDOW_SIZE - 1, size=1))
    assert found == [Block(max(0, position - 99), position, position + 1) for position in range(151)]


def test_an_offset_shortens_the_first_block_alone() -> None:
    cut = [block.stop - block.first_target for block in blocks(Span(0, 9), context=0, size=4, offset=6)]
    assert cut == [2, 4, 4]


@given(st.data())
def test_a_block_that_is_too_long_loses_old_messages_first_and_no_target_that_fits(data: st.DataObject) -> None:
    lengths = np.array(data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=40)), dtype=np.int64)
    stop = data.draw(st.integers(1, len(lengths)))
    first = data.draw(st.integers(0, stop - 1))
    start = data.draw(st.integers(0, first))
    budget = data.draw(st.integers(1, 120))
    context = data.draw(st.integers(0, 40))
    found = list(fit_block(Block(start, first, stop), lengths, budget, context=context))
    for block in found:
        assert lengths[block.start : block.stop].sum() <= budget
    taken = [position for block in found for position in range(block.first_target, block.stop)]
    assert taken == [position for position in range(first, stop) if lengths[position] <= budget]


def test_a_block_of_any_number_of_targets_is_cut_without_recursion() -> None:
    count = 200_000
    lengths = np.ones(count, dtype=np.int64)
    assert len(list(fit_block(Block(0, 0, count), lengths, 2, context=1))) == count // 2  # context goes first
    assert list(fit_block(Block(0, 0, count), lengths, -5, context=0)) == []
