"""Up to where each conversation was trained on, so that nobody is measured on what they were trained on."""

from __future__ import annotations

from pathlib import Path

from ventriloquist.model.corpus import Corpus
from ventriloquist.model.manifest import first_unseen, read_manifest
from ventriloquist.store import Connection
from ventriloquist.store.corpus import times_before
from ventriloquist.train.settings import TrainSettings


def marks(db: Connection, corpus: Corpus, settings: TrainSettings) -> tuple[dict[int, int], dict[int, int]]:
    """Return each conversation's first held-out position, and when the last message before it was sent (Unix ms).

    What the adapter that is trained on from was trained on is not held out now, whatever the splits say.
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
