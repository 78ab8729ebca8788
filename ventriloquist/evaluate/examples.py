"""Windows with the real and the generated message side by side, kept for the report and the quiz."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ventriloquist.evaluate.heldout import Target
from ventriloquist.evaluate.records import Subject
from ventriloquist.fs import make_private_folder, write_json
from ventriloquist.layout import EVALUATION, EXAMPLES
from ventriloquist.store import Connection
from ventriloquist.store.corpus import data_hash, lines
from ventriloquist.transcript import parse_line

CONTEXT = 6  # lines that are shown before a message


@dataclass(frozen=True, slots=True)
class Example:
    """A held-out place: what was said before, what its writer really wrote, what the models wrote in their name."""

    name: str
    before: list[tuple[str, str]]  # name and content, the oldest first
    real: str
    adapter: str
    base: str | None


def keep_examples(db: Connection, run: Path, adapter: Subject, base: Subject) -> None:
    """Write the examples of an evaluation into the run's folder, readable by its owner only."""
    by_base = {message.target: message.content for message in base.messages}
    examples = [
        Example(message.name, _before(db, message.target), real, message.content, by_base.get(message.target))
        for message in adapter.messages
        if (real := message.target.typed)  # as of the generated ones: a quiz is about what was typed
    ]
    write_examples(run, data_hash(db), examples)


def write_examples(run: Path, data_hash: str, examples: Sequence[Example]) -> None:
    """Write examples of prepared data into a run's folder."""
    kept = {"data_hash": data_hash, "examples": [asdict(example) for example in examples]}
    write_json(make_private_folder(run / EVALUATION) / EXAMPLES, kept)


def read_examples(run: Path, data_hash: str) -> Sequence[Example]:
    """Read the examples of a run's last evaluation; none where there are none.

    Args:
        data_hash: of what is prepared now; of other data, in which a secret may stand, there are none.
    """
    try:
        kept = json.loads((run / EVALUATION / EXAMPLES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(kept, dict) or kept["data_hash"] != data_hash:
        return []
    return [Example(**{**row, "before": [tuple(line) for line in row["before"]]}) for row in kept["examples"]]


def _before(db: Connection, target: Target) -> list[tuple[str, str]]:
    shown = lines(db, target.conversation.id, target.position - CONTEXT, target.position)
    return [(line.name, line.content) for line in (parse_line(one.line) for one in shown)]
