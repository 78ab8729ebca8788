"""Targets that are read again under several names, in branches, are read as in rows of their own."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from stages import train
from test_loss import _norms_in_float64, adapted, gradient  # noqa: F401  # fixtures

from ventriloquist.layout import LOG
from ventriloquist.model.adapter import WEIGHTS
from ventriloquist.model.base import Base, load_base
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.tokens import encode
from ventriloquist.store import Connection
from ventriloquist.train import Step, log, preset
from ventriloquist.train.backends import Backend, adapt_to, add_lora, row_loss
from ventriloquist.train.loop import run_loop
from ventriloquist.train.loss import target_loss
from ventriloquist.train.name_swap import SLOTS, Writers, contrasted_loss, name_nats, with_swapped_names
from ventriloquist.train.rows import IGNORED, PackedRow, make_piece, schedule
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import Rows, row_tensors
from ventriloquist.transcript import Header, Line, parse_header, parse_line, render_header, render_line
from ventriloquist.windows import Block

ALL = TrainSettings(name_contrast=0.5, name_share=1.0)
NAMES = 1 + ALL.name_negatives


@pytest.fixture
def pieces(corpus: Corpus) -> PackedRow:
    return [
        make_piece(corpus, corpus.conversations[3], Block(0, 0, 4)),
        make_piece(corpus, corpus.conversations[2], Block(2, 8, 15)),
        make_piece(corpus, corpus.conversations[0], Block(40, 44, 47)),
    ]


def swapped(
    corpus: Corpus, pieces: PackedRow, settings: TrainSettings = ALL, key: str = "0"
) -> dict[str, torch.Tensor]:
    return with_swapped_names(corpus, Writers(corpus), pieces, row_tensors(corpus, pieces), settings, key)


class Again(NamedTuple):
    """What a row reads again: a header, and each target under its names, its writer's first."""

    header: Header
    targets: list[list[Line]]


def read_again(corpus: Corpus, row: dict[str, torch.Tensor]) -> Again:
    """Read the end of a row as text."""
    positions = row["position_ids"][0].tolist()
    begins = [index for index, (a, b) in enumerate(pairwise(positions), 1) if b <= a]
    stem_begin = [index for index in begins if positions[index] == 0][-1]
    later = [index for index in begins if index > stem_begin]  # the second branch and those after it
    bounds = [stem_begin + positions[later[0]], *later, len(positions)]
    ids = row["input_ids"][0].tolist()
    header, _, start = corpus.tokenizer.decode(ids[stem_begin : bounds[0]]).partition("\n")
    lines = [parse_line(start + corpus.tokenizer.decode(ids[begin:end])) for begin, end in pairwise(bounds)]
    slots = row[SLOTS].unique().tolist()
    assert len(slots) == len(lines)
    targets: dict[int, list[Line]] = {}
    for slot, line in zip(slots, lines, strict=True):
        targets.setdefault(slot // NAMES, []).append(line)
    return Again(parse_header(header), list(targets.values()))


def test_targets_are_read_again_after_the_header_of_a_group_of_their_writers_and_others(
    corpus: Corpus, pieces: PackedRow
) -> None:
    again = read_again(corpus, swapped(corpus, pieces))
    trained = [
        parse_line(corpus.line(piece.conversation, position).removesuffix("\n"))
        for piece in pieces
        for position, _, _ in corpus.row(piece.conversation, piece.block, "train").targets
    ]
    assert [names[0] for names in again.targets] == trained
    assert again.header.type == "group"
    assert {line.name for line in trained} <= set(again.header.members) <= set(corpus.people)
    for lines in again.targets:
        assert len({line.name for line in lines}) == len(lines) > 1
        assert {line.name for line in lines} <= set(again.header.members)
        assert {line._replace(name="") for line in lines} == {lines[0]._replace(name="")}


def test_branches_have_the_loss_and_the_gradient_of_rows_that_are_written_out(
    adapted: Any,  # noqa: F811
    corpus: Corpus,
    pieces: PackedRow,
) -> None:
    row = swapped(corpus, pieces)
    again = read_again(corpus, row)
    names = torch.zeros((), dtype=torch.float64)
    before = encode(corpus.tokenizer, render_header(again.header) + "\n", start=True)
    for lines in again.targets:
        scores = []
        for line in lines:
            text = render_line(line) + "\n"
            encoding = corpus.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
            start = text.index('"content": "') + len('"content": "')
            logits = adapted(input_ids=torch.tensor([before + encoding.ids])).logits[0].log_softmax(-1)
            scores.append(
                sum(
                    logits[len(before) + index - 1, token]
                    for index, (token, (_, end)) in enumerate(zip(encoding.ids, encoding.offsets, strict=True))
                    if end > start
                )
            )
        names = names - torch.stack(scores).log_softmax(0)[0]  # type: ignore[arg-type]
    loss = contrasted_loss(adapted, row, ALL)
    whole = target_loss(adapted, row_tensors(corpus, pieces)) + ALL.name_contrast * names
    torch.testing.assert_close(loss, whole, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient(adapted, loss), gradient(adapted, whole), rtol=1e-9, atol=1e-11)


def test_branches_have_no_labels_and_leave_the_row_as_it_is(corpus: Corpus, pieces: PackedRow) -> None:
    plain, row = row_tensors(corpus, pieces), swapped(corpus, pieces)
    length = plain["input_ids"].shape[1]
    for name, tensor in plain.items():
        assert torch.equal(row[name][:, :length], tensor)
    assert bool((row["labels"][:, length:] == IGNORED).all())
    assert not row["attention_mask"][0, 0, :length, length:].any()
    assert not row["attention_mask"][0, 0, length:, :length].any()


def test_a_share_of_the_targets_is_read_again_the_same_ones_for_the_same_key(corpus: Corpus, pieces: PackedRow) -> None:
    settings = ALL.changed(name_share=0.5)
    half, again, other = (swapped(corpus, pieces, settings, key) for key in ("3", "3", "4"))
    assert 0 < len(half[SLOTS].unique()) < len(swapped(corpus, pieces)[SLOTS].unique())
    assert torch.equal(half["input_ids"], again["input_ids"])
    assert not torch.equal(half["input_ids"], other["input_ids"])


def test_what_is_read_again_is_no_longer_than_the_longest_row(corpus: Corpus, pieces: PackedRow) -> None:
    own = row_tensors(corpus, pieces)["input_ids"].shape[1]
    lengths = [64, 512, 1024, 8192]
    settings = [ALL.changed(max_length=longest) for longest in lengths]
    again = [swapped(corpus, pieces, one)["input_ids"].shape[1] - own for one in settings]
    assert again[0] == 0 < again[1] < again[2] < again[3]
    assert all(tokens <= one.read_again_at_most for tokens, one in zip(again, settings, strict=True))
    assert TrainSettings().read_again_at_most == 0


def test_a_header_that_is_too_long_is_not_read(corpus: Corpus, pieces: PackedRow) -> None:
    own = row_tensors(corpus, pieces)
    writers = Writers(corpus)
    writers._names = [f"{name} of the house of {index} long names " * 20 for index, name in enumerate(writers._names)]
    assert with_swapped_names(corpus, writers, pieces, own, ALL, "0").keys() == own.keys()


def test_a_row_is_left_as_it_is_if_there_is_nobody_else(corpus: Corpus, pieces: PackedRow) -> None:
    writers = Writers(corpus)
    writers._names, writers._until = [], []
    own = [make_piece(corpus, corpus.conversations[0], Block(0, 0, 1))]
    row = with_swapped_names(corpus, writers, own, row_tensors(corpus, own), ALL, "0")
    assert row.keys() == row_tensors(corpus, own).keys()


def test_people_are_drawn_as_often_as_they_write(corpus: Corpus) -> None:
    generator, writers = random.Random(0), Writers(corpus)
    drawn = [writers.draw(1, (), generator)[0] for _ in range(300)]
    assert set(drawn) <= set(corpus.people)
    assert drawn.count("Aidan Allchin") > 120  # writes two messages of three
    assert all("Aidan Allchin" not in writers.draw(3, ["Aidan Allchin"], generator) for _ in range(30))


def test_fewer_names_than_asked_for_leave_slots_empty() -> None:
    nats = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0], dtype=torch.float64)
    slots = torch.tensor([0, 0, 1, 3, 4])  # three names a target; two, then two are there
    expected = -torch.tensor([[-3.0, -3.0], [-4.0, -5.0]], dtype=torch.float64).log_softmax(-1)[:, 0].sum()
    torch.testing.assert_close(name_nats(nats, slots, 3), expected)


def test_without_a_weight_rows_and_loss_are_the_plain_ones(corpus: Corpus, pieces: PackedRow) -> None:
    settings = TrainSettings()
    assert row_loss(settings) is target_loss
    row = Rows(corpus, [pieces], settings)[0]
    assert row.keys() == row_tensors(corpus, pieces).keys()


def test_training_on_it_tells_the_names_of_a_row_apart(
    adapted: Any,  # noqa: F811
    corpus: Corpus,
    pieces: PackedRow,
) -> None:
    row = swapped(corpus, pieces)
    optimizer = torch.optim.AdamW([one for one in adapted.parameters() if one.requires_grad], lr=3e-2)
    told = []
    for _ in range(40):
        optimizer.zero_grad()
        names = contrasted_loss(adapted, row, ALL.changed(name_contrast=1.0)) - target_loss(
            adapted, row_tensors(corpus, pieces)
        )
        torch.autograd.backward(names)
        optimizer.step()
        told.append(float(names.detach()))
    assert told[-1] < 0.5 * told[0]


def test_a_run_with_it_trains_and_logs(base: Base, corpus: Corpus, tmp_path: Path) -> None:
    settings = preset("tiny").changed(
        max_steps=2, max_length=256, targets_per_window=8, context=0, window=8, validations=0, adam_8bit=False,
        name_contrast=10.0,
    )  # fmt: skip
    rows = schedule(corpus, settings).rows
    model = add_lora(load_base(base, device="cpu"), settings)
    run_loop(model, row_loss(settings), corpus, rows, settings, tmp_path, device="cpu")
    assert len(log.read(tmp_path / LOG)) == 2


def test_a_run_that_is_resumed_ends_as_one_that_was_not_stopped(prepared: Connection, home: Path) -> None:
    settings = preset("tiny").changed(
        max_steps=4, max_length=256, targets_per_window=8, context=0, window=8, validations=0, save_minutes=0.0,
        learning_rate=1e-2, name_contrast=3.0, name_share=0.5,
    )  # fmt: skip
    whole = Path(train(prepared, settings, home=home).run)

    def stop(step: Step) -> None:
        if step.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(prepared, settings, home=home, observe=stop)
    resumed = Path(train(prepared, settings, home=home, resume=True).run)
    assert resumed != whole
    assert (resumed / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()


@pytest.mark.parametrize(("backend", "weight"), [("unsloth", 0.0), ("mlx", 0.0), ("transformers", 0.5)])
def test_only_transformers_swaps_names(backend: Any, weight: float) -> None:
    assert adapt_to(ALL, Backend(backend, "as set"), "cpu").name_contrast == weight
