"""Blocks, packing and labels: every target once an epoch, all of it, and nothing else carries loss."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from ventriloquist.model.corpus import Corpus
from ventriloquist.store import Connection
from ventriloquist.train.rows import IGNORED, Schedule, schedule
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import row_tensors
from ventriloquist.transcript import TranscriptError, parse_header, parse_line

EVERY = [
    TrainSettings(),
    TrainSettings(targets_per_window=1),
    TrainSettings(targets_per_window=7, context=10, max_length=1200),
    TrainSettings(context=0, targets_per_window=12, max_length=400),
    TrainSettings(epochs=3, seed=5, max_length=2048),
]


def decoded_rows(corpus: Corpus, settings: TrainSettings) -> list[tuple[list[str], list[str]]]:
    """Return each row of the schedule as its lines and, of those, the ones that carry loss."""
    rows = []
    for row in schedule(corpus, settings).rows:
        tensors = row_tensors(corpus, row)
        ids, labels = tensors["input_ids"][0], tensors["labels"][0]
        text = corpus.tokenizer.decode(ids.tolist())
        supervised = corpus.tokenizer.decode(ids[labels != IGNORED].tolist())
        assert text.endswith("\n")
        assert supervised.endswith("\n")
        rows.append((text.split("\n")[:-1], supervised.split("\n")[:-1]))
    return rows


@pytest.mark.parametrize("settings", EVERY)
def test_every_training_target_is_supervised_once_an_epoch_and_whole(
    corpus: Corpus, prepared: Connection, settings: TrainSettings
) -> None:
    expected = Counter(line for (line,) in prepared.execute("SELECT line FROM training_messages WHERE split = 'train'"))
    supervised = Counter(line for _, targets in decoded_rows(corpus, settings) for line in targets)
    assert supervised == Counter({line: count * settings.epochs for line, count in expected.items()})


@pytest.mark.parametrize("settings", EVERY)
def test_a_row_is_headers_and_whole_lines_within_the_length(corpus: Corpus, settings: TrainSettings) -> None:
    for row in schedule(corpus, settings).rows:
        assert sum(piece.tokens for piece in row) == row_tensors(corpus, row)["input_ids"].shape[1]
        assert sum(piece.tokens for piece in row) <= settings.max_length
    for lines_, _ in decoded_rows(corpus, settings):
        parse_header(lines_[0])
        for line in lines_[1:]:
            try:
                parse_line(line)
            except TranscriptError:
                parse_header(line)  # the next piece of a packed row


@pytest.mark.parametrize("settings", EVERY)
def test_a_target_has_all_the_context_it_is_promised(corpus: Corpus, settings: TrainSettings) -> None:
    for row in schedule(corpus, settings).rows:
        for piece in row:
            wanted = min(settings.context, piece.block.first_target)
            cut = piece.tokens > settings.max_length - 80  # a message more would not have fitted
            assert piece.block.first_target - piece.block.start >= wanted or cut


def test_no_row_holds_a_held_out_message(corpus: Corpus, prepared: Connection) -> None:
    held_out = {
        line for (line,) in prepared.execute("SELECT line FROM training_messages WHERE split IN ('validation', 'test')")
    }
    training = {
        line
        for (line,) in prepared.execute("SELECT line FROM training_messages WHERE split IS NULL OR split = 'train'")
    }
    for lines_, _ in decoded_rows(corpus, TrainSettings()):
        assert not (set(lines_) & (held_out - training))


def test_positions_restart_with_each_piece(corpus: Corpus) -> None:
    packed = [row for row in schedule(corpus, TrainSettings()).rows if len(row) > 1]
    assert packed
    positions = row_tensors(corpus, packed[0])["position_ids"][0].tolist()
    assert [i for i, position in enumerate(positions) if position == 0] == [
        sum(piece.tokens for piece in packed[0][:n]) for n in range(len(packed[0]))
    ]


def test_the_schedule_depends_on_the_seed_and_the_epoch_only(corpus: Corpus) -> None:
    settings = TrainSettings(targets_per_window=9, epochs=2)
    again = schedule(corpus, settings)
    assert schedule(corpus, settings) == again
    assert schedule(corpus, settings.changed(seed=1)).rows != again.rows
    first = len(again.first_epoch)
    assert again.rows[:first] != again.rows[first:]


def test_a_target_longer_than_a_row_is_counted_and_left_out(corpus: Corpus, prepared: Connection) -> None:
    longest = max(
        len(corpus.line_tokens(conversation, position))
        for conversation in corpus.conversations
        for position in range(conversation.messages)
    )
    planned = schedule(corpus, TrainSettings(max_length=max(64, longest + 20), context=0))
    assert len(planned.dropped) >= 1
    supervised = sum(piece.targets for row in planned.rows for piece in row)
    assert (
        supervised + len(planned.dropped)
        == prepared.execute("SELECT count(*) FROM training_messages WHERE split = 'train'").fetchone()[0]
    )


def test_max_steps_cuts_the_schedule(corpus: Corpus) -> None:
    settings = TrainSettings(targets_per_window=4, max_length=2048, max_steps=3, rows_per_step=2)
    assert len(schedule(corpus, settings).rows) == 6


def test_slices_equal_the_tokenised_document(corpus: Corpus, prepared: Connection) -> None:
    for conversation in corpus.conversations:
        text = "".join(
            f"{line}\n"
            for (line,) in prepared.execute(
                "SELECT line FROM training_messages WHERE conversation_id = ? ORDER BY position", (conversation.id,)
            )
        )
        first, stop = conversation.first, conversation.first + conversation.messages
        sliced = corpus.tokens[corpus.offsets[first] : corpus.offsets[stop]].tolist()
        assert sliced == corpus.tokenizer(text, add_special_tokens=False)["input_ids"]


def test_the_labelled_tokens_of_a_step_are_those_of_its_targets_read_independently(
    corpus: Corpus, prepared: Connection
) -> None:
    settings = TrainSettings(targets_per_window=7, context=10, max_length=1200)
    windows = dict(
        prepared.execute(
            "SELECT w.conversation_id || ' ' || w.target_position, r.text FROM training_windows AS w"
            " JOIN rendered_windows AS r ON r.id = w.id WHERE w.split = 'train'"
        )
    )
    for row in schedule(corpus, settings).rows:
        expected = 0
        for piece in row:
            for position in range(piece.block.first_target, piece.block.stop):
                window = windows.get(f"{piece.conversation.id} {position}")
                if window is not None:
                    last = window.removesuffix("\n").rsplit("\n", 1)[-1] + "\n"
                    expected += len(corpus.tokenizer(last, add_special_tokens=False)["input_ids"])
        labels = row_tensors(corpus, row)["labels"]
        assert int((labels != IGNORED).sum()) == expected == sum(piece.supervised for piece in row)


def test_content_alone_can_carry_the_loss(corpus: Corpus) -> None:
    for row in schedule(corpus, TrainSettings(targets_per_window=7, context=10, max_length=1200)).rows:
        whole, content = row_tensors(corpus, row), row_tensors(corpus, row, content_only=True)
        ids, labels = content["input_ids"][0], content["labels"][0]
        written = corpus.tokenizer.decode(ids[labels != IGNORED].tolist())
        lines = corpus.tokenizer.decode(ids[whole["labels"][0] != IGNORED].tolist()).split("\n")[:-1]
        for part, line in zip(written.split("\n")[:-1], lines, strict=True):
            content = json.dumps(parse_line(line).content, ensure_ascii=False)[1:] + "}"
            assert part.endswith(content)
            assert '"content": "'.endswith(part.removesuffix(content))  # of a token that reaches into it


def test_evenness_brings_who_wrote_little_to_the_front_and_leaves_nobody_out(corpus: Corpus) -> None:
    settings = TrainSettings(targets_per_window=2, context=2, max_length=512)
    even = schedule(corpus, settings.changed(evenness=1.0))
    plain = schedule(corpus, settings)
    counts = np.bincount(corpus.senders[corpus.splits == 0])

    def rarity_of_first_half(planned: Schedule) -> float:
        pieces = [piece for row in planned.rows for piece in row]
        senders = [
            corpus.senders[piece.conversation.first + piece.block.first_target] for piece in pieces[: len(pieces) // 2]
        ]
        return float(np.mean(1 / counts[senders]))

    assert rarity_of_first_half(even) > 1.1 * rarity_of_first_half(plain)
    targets = [
        sorted((piece.conversation.id, piece.block) for row in planned.rows for piece in row)
        for planned in (even, plain)
    ]
    assert targets[0] == targets[1]


def test_what_was_cut_is_counted_and_what_was_dropped_is_named(corpus: Corpus) -> None:
    roomy = schedule(corpus, TrainSettings())
    assert (roomy.dropped, roomy.shortened) == ([], 0)
    tight = schedule(corpus, TrainSettings(max_length=900, targets_per_window=4))
    expected = sum(
        piece.targets
        for row in tight.first_epoch
        for piece in row
        if piece.block.start > max(0, piece.block.first_target - TrainSettings().context)
    )
    assert tight.shortened == expected > 0
    narrow = schedule(corpus, TrainSettings(max_length=64, context=0))
    for message in narrow.dropped:
        conversation = next(one for one in corpus.conversations if one.id == message.conversation)
        assert message.tokens == len(corpus.line_tokens(conversation, message.position))
        assert message.tokens + len(corpus.header_tokens(conversation, message.position)) > 64
    assert narrow.dropped
