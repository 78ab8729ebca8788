"""Examples for the report and the quiz: real and generated messages in the same place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ventriloquist.evaluate.heldout import Target
from ventriloquist.evaluate.inputs import System
from ventriloquist.fs import make_private_folder, read_object, write_json
from ventriloquist.layout import EVALUATION, EXAMPLES
from ventriloquist.store import Connection
from ventriloquist.store.corpus import data_hash, lines
from ventriloquist.transcript import parse_line

CONTEXT = 6  # lines before a message


@dataclass(frozen=True, slots=True)
class Example:
    """A held-out message: what was said before it, what its writer wrote, and what the models wrote under that name."""

    name: str
    before: list[tuple[str, str]]  # name and content, the oldest first
    real: str
    adapter: str
    base: str | None


def keep_examples(db: Connection, run: Path, adapter: System, base: System) -> None:
    """Write the examples of an evaluation into the run's folder, readable by its owner only."""
    by_base = {message.target: message.content for message in base.messages}
    examples = [
        Example(message.name, _before(db, message.target), real, message.content, by_base.get(message.target))
        for message in adapter.messages
        if (real := message.target.typed)  # the generated ones are what was typed, too
    ]
    write_examples(run, data_hash(db), examples)


def write_examples(run: Path, data_hash: str, examples: Sequence[Example]) -> None:
    """Write examples of prepared data into a run's folder."""
    kept = {"data_hash": data_hash, "examples": [asdict(example) for example in examples]}
    write_json(make_private_folder(run / EVALUATION) / EXAMPLES, kept)


def read_examples(run: Path, data_hash: str) -> Sequence[Example]:
    """Read the examples of a run's last evaluation; an empty list if there are none.

    Args:
        data_hash: of the data as it is prepared now. Examples of other data are not returned: they may hold a secret.
    """
    kept = read_object(run / EVALUATION / EXAMPLES)
    if kept is None or kept["data_hash"] != data_hash:
        return []
    return [Example(**{**row, "before": [tuple(line) for line in row["before"]]}) for row in kept["examples"]]


def _before(db: Connection, target: Target) -> list[tuple[str, str]]:
    shown = lines(db, target.conversation.id, target.position - CONTEXT, target.position)
    return [(line.name, line.content) for line in (parse_line(one.line) for one in shown)]
