"""Targets that are read again under several names, in branches, are read as in rows of their own."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from stages import train
from test_loss import _norms_in_float64, adapted, gradient  # noqa: F401  # fixtures
from transformers import Qwen3Config

from ventriloquist.model.adapter import WEIGHTS
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.tokens import encode
from ventriloquist.store import Connection
from ventriloquist.train import Step, preset
from ventriloquist.train.backends import row_loss, with_name_swaps
from ventriloquist.train.loss import target_loss
from ventriloquist.train.memory import GIB, Shapes, ladder
from ventriloquist.train.name_swap import SLOTS, NameSwap, contrasted_loss, name_nats
from ventriloquist.train.rows import IGNORED, PackedRow, make_piece
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
    return NameSwap(corpus, settings).add(pieces, row_tensors(corpus, pieces), key)


class Again(NamedTuple):
    """What a row reads again: a header, and each target under its names, its writer's first."""

    header: Header
    targets: list[list[Line]]


def read_again(corpus: Corpus, row: dict[str, torch.Tensor], names: int = NAMES) -> Again:
    """Read the end of a row as text.

    Args:
        names: of each target, at most.
    """
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
        targets.setdefault(slot // names, []).append(line)
    return Again(parse_header(header), list(targets.values()))


def test_targets_are_read_again_after_the_header_of_a_group_of_their_writers_and_others(
    corpus: Corpus, pieces: PackedRow
) -> None:
    again = read_again(corpus, swapped(corpus, pieces))
    trained = {
        parse_line(corpus.line(piece.conversation, position).removesuffix("\n"))
        for piece in pieces
        for position, _, _ in corpus.row(piece.conversation, piece.block, "train").targets
    }
    assert {names[0] for names in again.targets} == trained
    assert len(again.targets) == sum(piece.targets for piece in pieces)
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
    mask = row["attention_mask"][0, 0]
    piece = (plain["position_ids"][0] == 0).cumsum(0)
    assert torch.equal(mask[:length, :length], (piece[:, None] == piece).tril())
    assert not mask[:length, length:].any()
    assert not mask[length:, :length].any()


def test_a_share_of_the_targets_is_read_again_the_same_ones_for_the_same_key(corpus: Corpus, pieces: PackedRow) -> None:
    settings = ALL.changed(name_share=0.5)
    half, again, other = (swapped(corpus, pieces, settings, key) for key in ("3", "3", "4"))
    assert 0 < len(half[SLOTS].unique()) < len(swapped(corpus, pieces)[SLOTS].unique())
    assert torch.equal(half["input_ids"], again["input_ids"])
    assert not torch.equal(half["input_ids"], other["input_ids"])


def test_what_is_read_again_is_bounded(corpus: Corpus, pieces: PackedRow) -> None:
    own = row_tensors(corpus, pieces)["input_ids"].shape[1]
    settings = [ALL.changed(max_length=longest) for longest in (64, 512, 1024, 8192)]
    again = [swapped(corpus, pieces, one)["input_ids"].shape[1] - own for one in settings]
    assert again[0] == 0 < again[1] < again[2] < again[3]
    assert all(tokens <= one.read_again for tokens, one in zip(again, settings, strict=True))
    assert TrainSettings().read_again == 0


def written_by(corpus: Corpus, names: dict[str, int]) -> Corpus:
    """Return a corpus that says who wrote how many messages."""
    other = replace(corpus)
    object.__setattr__(other, "written", lambda: names)
    return other


def test_a_header_that_would_be_too_long_is_not_read(corpus: Corpus, pieces: PackedRow) -> None:
    long = written_by(corpus, {f"{number} of the house of long names " * 20: 1 for number in range(5)})
    own = row_tensors(corpus, pieces)
    assert NameSwap(long, ALL).add(pieces, own, "0").keys() == own.keys()


def test_a_row_is_left_as_it_is_if_there_is_nobody_else(corpus: Corpus) -> None:
    own = [make_piece(corpus, corpus.conversations[0], Block(0, 0, 1))]
    writer = parse_line(corpus.line(corpus.conversations[0], 0).removesuffix("\n")).name
    row = row_tensors(corpus, own)
    assert NameSwap(written_by(corpus, {writer: 3}), ALL).add(own, row, "0").keys() == row.keys()


def test_people_who_write_much_are_drawn_more_often(corpus: Corpus, pieces: PackedRow) -> None:
    people = written_by(corpus, {"much": 90, "little": 10, "Unknown": 90, "Aidan Allchin": 999})
    swap = NameSwap(people, ALL.changed(name_negatives=1))
    own = row_tensors(corpus, pieces)
    drawn = [
        name
        for key in range(40)
        for name in read_again(corpus, swap.add(pieces, own, str(key)), names=2).header.members
    ]
    assert drawn.count("much") > 2 * drawn.count("little") > 0
    assert "Unknown" not in drawn


@pytest.mark.parametrize("name", ["Friend", "Friend 33", 'Sam "S"', "<b>", "Ωμέγα", "a\\b"])
def test_names_that_begin_alike_or_need_escapes_are_read_whole(corpus: Corpus, pieces: PackedRow, name: str) -> None:
    swap = NameSwap(written_by(corpus, {name: 5}), ALL)
    again = read_again(corpus, swap.add(pieces, row_tensors(corpus, pieces), "0"))
    assert name in again.header.members
    assert name in {line.name for lines in again.targets for line in lines}


def test_the_loss_on_contents_alone_leaves_what_is_read_again_as_it_is(corpus: Corpus, pieces: PackedRow) -> None:
    whole, content = (Rows(corpus, [pieces], ALL.changed(supervise=supervise))[0] for supervise in ("line", "content"))
    assert torch.equal(whole["input_ids"], content["input_ids"])
    assert (content["labels"] != IGNORED).sum() < (whole["labels"] != IGNORED).sum()


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
    assert told[-1] < 0.95 * told[0]


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


def test_it_trains_in_a_process_that_shares_gradients(
    adapted: Any,  # noqa: F811
    corpus: Corpus,
    pieces: PackedRow,
) -> None:
    class Wrapped(torch.nn.Module):
        """A wrapper as DistributedDataParallel is: it has none of the model's attributes."""

        def __init__(self) -> None:
            super().__init__()
            self.module = adapted

        def forward(self, **inputs: Any) -> Any:
            return self.module(**inputs)

    row = swapped(corpus, pieces)
    torch.testing.assert_close(contrasted_loss(Wrapped(), row, ALL), contrasted_loss(adapted, row, ALL))


@pytest.mark.parametrize(
    ("backend", "config", "said"),
    [
        ("unsloth", {}, "Unsloth"),
        ("mlx", {}, "MLX"),
        ("transformers", {"sliding_window": 512, "layer_types": ["sliding_attention"]}, "sliding windows"),
        ("transformers", {"sliding_window": 512}, "sliding windows"),
        ("transformers", {"sliding_window": 512, "layer_types": ["full_attention"]}, None),
        ("transformers", {"sliding_window": None}, None),
    ],
)
def test_names_are_not_swapped_where_the_mask_cannot_be_had(
    backend: Any, config: dict[str, Any], said: str | None
) -> None:
    settings, advice = with_name_swaps(ALL.changed(backend=backend), SimpleNamespace(**config))
    assert settings.name_contrast == (0.0 if said else ALL.name_contrast)
    assert [said in line for line in advice] == [True] if said else advice == []
    assert with_name_swaps(TrainSettings(backend=backend), SimpleNamespace(**config))[1] == []


def test_shorter_rows_on_the_ladder_need_what_a_plan_of_them_needs() -> None:
    config = Qwen3Config(hidden_size=64, intermediate_size=128, num_hidden_layers=2)
    settings = TrainSettings(backend="transformers", name_contrast=1.0, max_length=5000)
    shapes = Shapes(config, settings)
    rungs = {rung.changes: rung.gib for rung in ladder(shapes, settings, "cpu", 5000, 2500)}
    for length in (4096, 2048):
        shorter = shapes.memory(settings.changed(max_length=length), "cpu", length, length // 2)
        assert rungs[f"--max-length {length}"] == pytest.approx(sum(shorter.values()) / GIB)
    settings = settings.changed(max_length=3072)
    assert not any("4096" in rung.changes for rung in ladder(shapes, settings, "cpu", 3072, 2000))
