"""What a run will do and need: counts, memory and time, computed before any weights are loaded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ventriloquist.model.corpus import Corpus
from ventriloquist.train.backends import Backend, with_bfloat16
from ventriloquist.train.memory import GIB, Rung, Shapes, available_memory, ladder, with_checkpointing
from ventriloquist.train.ranks import broadcast, world_size
from ventriloquist.train.rows import TRAIN, DroppedTarget, PackedRow, Schedule, rows_per_step
from ventriloquist.train.settings import TrainSettings
from ventriloquist.windows import WINDOW_SIZE

DROPPED_SHOWN = 20  # `dropped_targets` counts all
FEW_MESSAGES = 100  # of a person: a rule of thumb; `vq eval` measures what more messages would bring


@dataclass(frozen=True, slots=True)
class Estimate:
    """The figures of a run before it starts. Tokens are those of the base model's tokenizer."""

    model: str
    backend: str
    backend_reason: str
    device: str
    processes: int
    visible_gpus: int
    conversations: int
    targets: int
    dropped_targets: int  # longer than a row even without context: never trained on
    dropped: list[DroppedTarget]  # the first of them
    shortened_targets: int  # with less context than planned, to fit into a row
    tokens_per_epoch: int
    supervised_tokens_per_epoch: int
    window_tokens_per_epoch: int  # the same targets as whole windows of 100 messages
    steps_per_epoch: int
    steps: int
    trainable_parameters: int
    memory_gib: dict[str, float]  # by part, on the device; "total" is their sum
    available_gib: float
    offloaded_gib: float  # hidden states that Unsloth keeps in the machine's memory instead
    gradient_checkpointing: bool
    bfloat16: bool | None  # whether a CPU trains in it; None on other devices
    bfloat16_speedup: float | None  # times that this CPU multiplies as fast in it as in float32; None: not measured
    advice: list[str]
    seconds_per_step: float | None = None  # None if it was not measured
    minutes: float | None = None  # of the whole run


def make_estimate(
    corpus: Corpus,
    settings: TrainSettings,
    rows: Schedule,
    config: Any,
    device: str,
    backend: Backend,
    *,
    begun: bool = False,
) -> tuple[Estimate, TrainSettings, list[Rung]]:
    """Compute a run's figures from the data and the base's configuration alone.

    Args:
        begun: the run is resumed.

    Returns: the figures, the settings with decisions on gradient checkpointing and bfloat16, and the ladder of smaller
        settings.
    """
    import torch

    pieces = [piece for row in rows.first_epoch for piece in row]
    shapes = Shapes(config, settings)
    # MLX computes one piece of a row at a time
    together = [[piece] for piece in pieces] if backend.name == "mlx" else rows.first_epoch
    longest = max((row_tokens(row) for row in together), default=0)
    most_loss = max((sum(piece.supervised for piece in row) for row in together), default=0)
    available = broadcast(available_memory(device))
    settings, speedup = with_bfloat16(settings, config, device, begun=begun)
    settings = with_checkpointing(shapes, settings, device, longest, most_loss, available)
    memory = shapes.memory(settings, device, longest, most_loss)
    per_step = rows_per_step(settings)
    targets = int(np.count_nonzero(corpus.splits == TRAIN))
    estimate = Estimate(
        model=settings.model,
        backend=backend.name,
        backend_reason=backend.reason,
        device=device,
        processes=world_size(),
        visible_gpus=torch.cuda.device_count() if device == "cuda" else 0,
        conversations=len({piece.conversation.id for piece in pieces}),
        targets=targets,
        dropped_targets=len(rows.dropped),
        dropped=rows.dropped[:DROPPED_SHOWN],
        shortened_targets=rows.shortened,
        tokens_per_epoch=sum(piece.tokens for piece in pieces),
        supervised_tokens_per_epoch=sum(piece.supervised for piece in pieces),
        window_tokens_per_epoch=window_tokens(corpus),
        steps_per_epoch=math.ceil(len(rows.first_epoch) / per_step),
        steps=math.ceil(len(rows.rows) / per_step),
        trainable_parameters=shapes.trainable,
        memory_gib={part: round(size / GIB, 3) for part, size in {**memory, "total": sum(memory.values())}.items()},
        available_gib=round(available / GIB, 1),
        offloaded_gib=round(shapes.offloaded(settings, longest) / GIB, 3),
        gradient_checkpointing=bool(settings.gradient_checkpointing),
        bfloat16=settings.bfloat16,
        bfloat16_speedup=speedup,
        advice=advice(targets, settings, list(corpus.written().values())),
    )
    return estimate, settings, ladder(shapes, settings, device, longest, most_loss)


def row_tokens(row: PackedRow) -> int:
    return sum(piece.tokens for piece in row)


def advice(targets: int, settings: TrainSettings, written: Sequence[int] = ()) -> list[str]:
    """Return advice on settings that may suit the data better, and on people who wrote too little to be learnt.

    Args:
        written: training messages of each person.
    """
    said = []
    enough = 16 if targets < 5_000 else 32 if targets < 50_000 else None
    if enough is not None and settings.rank >= 64:  # a lower rank was chosen on purpose
        said.append(
            f"{targets:,} messages are few for rank {settings.rank}: --rank {enough} may learn as much with less"
            " memory, and memorise less"
        )
    if few := sum(messages < FEW_MESSAGES for messages in written):
        have = "person has" if len(written) == 1 else "people has" if few == 1 else "people have"
        said.append(
            f"{few:,} of {len(written):,} {have} fewer than {FEW_MESSAGES} training messages: the model will learn"
            " little about how they write"
        )
    return said


def window_tokens(corpus: Corpus) -> int:
    """Return the tokens of one epoch of literal windows: header and up to 100 messages for every target."""
    total = 0
    for conversation in corpus.conversations:
        lines = slice(conversation.first, conversation.first + conversation.messages)
        offsets = corpus.offsets[lines.start : lines.stop + 1]
        targets = np.flatnonzero(corpus.splits[lines] == TRAIN)
        first = np.maximum(0, targets - WINDOW_SIZE + 1)
        total += int((offsets[targets + 1] - offsets[first]).sum())
        # the length of a header depends on its date
        _, position, windows = np.unique(corpus.days[lines][first], return_index=True, return_counts=True)
        for index, count in zip(first[position].tolist(), windows.tolist(), strict=True):
            total += count * len(corpus.header_tokens(conversation, index))
    return total
