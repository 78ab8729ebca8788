"""Holdout boundaries: the point in each conversation up to which an adapter was trained on."""

from __future__ import annotations

from pathlib import Path

from ventriloquist.model.corpus import Corpus
from ventriloquist.model.manifest import first_unseen, read_manifest
from ventriloquist.store import Connection
from ventriloquist.store.corpus import times_before
from ventriloquist.train.settings import TrainSettings


def holdout_boundaries(
    db: Connection, corpus: Corpus, settings: TrainSettings
) -> tuple[dict[int, int], dict[int, int]]:
    """Return for each conversation its first held-out position, and the time (Unix ms) of the last message before it.

    Messages that the earlier adapter of `continue_from` was trained on are not held out, even if their split says so.
    """
    held_out: dict[int, int] = {}
    for conversation in corpus.conversations:
        span = corpus.targets(conversation, "validation") or corpus.targets(conversation, "test")
        held_out[conversation.id] = span.first if span else conversation.messages
    until: dict[int, int] = {}
    if settings.continue_from is not None:
        earlier = read_manifest(Path(settings.continue_from))
        for id, position in first_unseen(db, earlier).items():
            held_out[id] = max(position, held_out.get(id, 0))
        until = dict(earlier.trained_until)
    for id, sent_at in times_before(db, held_out).items():
        until[id] = max(sent_at, until.get(id, sent_at))
    return held_out, until
