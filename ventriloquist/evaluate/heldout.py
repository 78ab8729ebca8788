"""Which held-out messages are evaluated, and the rows of context and targets they are scored in."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

from ventriloquist.database import Database
from ventriloquist.model.corpus import Conversation, Corpus, Row
from ventriloquist.model.manifest import Manifest
from ventriloquist.transcript import Line, parse_header, parse_line

FINAL_WINDOWS = 2  # of each conversation: the test that the product promises


@dataclass(frozen=True, slots=True)
class Target:
    """One held-out message that a person typed."""

    conversation: Conversation
    position: int
    line: Line
    from_end: int  # 1 = the conversation's last


@dataclass(frozen=True, slots=True)
class HeldOutRow:
    """A row as the model sees it, and its targets in the order of `row.targets`."""

    row: Row
    targets: list[Target]


def held_out_rows(db: Database, corpus: Corpus, manifest: Manifest) -> list[HeldOutRow]:
    """Cut the test split into rows of the adapter's own window.

    Only messages at or after the adapter's held-out mark count, and only what a person typed: attachments' and
    reactions' lines are not style.
    """
    rows = []
    context = manifest.context or manifest.window // 2
    size = manifest.targets_per_window if manifest.context else manifest.window - context
    for conversation in corpus.conversations:
        mark = manifest.held_out.get(conversation.id, 0)
        for block in corpus.blocks(conversation, "test", context=context, size=size, max_length=manifest.max_length):
            row = corpus.row(conversation, block, "test")
            typed = _typed_lines(db, conversation.id, block.first_target, block.stop)
            kept = [target for target in row.targets if target[0] in typed and target[0] >= mark]
            if kept:
                targets = [
                    Target(conversation, position, typed[position], conversation.messages - position)
                    for position, _, _ in kept
                ]
                rows.append(HeldOutRow(Row(row.tokens, kept), targets))
    return rows


def draw_rows(rows: list[HeldOutRow], limit: int | None, seed: int) -> list[HeldOutRow]:
    """Draw whole rows by the seed until there are `limit` targets."""
    if limit is None:
        return rows
    drawn: list[HeldOutRow] = []
    for row in random.Random(seed).sample(rows, len(rows)):  # noqa: S311  # not for secrets
        if sum(len(other.targets) for other in drawn) >= limit:
            break
        drawn.append(row)
    return drawn


def _typed_lines(db: Database, conversation: int, first: int, stop: int) -> dict[int, Line]:
    found = db.conn.execute(
        "SELECT position, line FROM training_messages"
        " WHERE conversation_id = ? AND position >= ? AND position < ? AND kind = 'text'",
        (conversation, first, stop),
    )
    return {position: parse_line(line) for position, line in found}


@dataclass(frozen=True, slots=True)
class Prompt:
    """What stands before a held-out message: whole lines of the transcript, and the names that may go on."""

    text: str
    members: tuple[str, ...]


def prompt(db: Database, target: Target, context: int) -> Prompt:
    """Render the window of a target up to the target, with at most `context` messages."""
    conversation = target.conversation
    shown = db.conn.execute(
        "SELECT day, line FROM training_messages"
        " WHERE conversation_id = ? AND position >= ? AND position <= ? ORDER BY position",
        (conversation.id, target.position - context, target.position),
    ).fetchall()
    header = conversation.header + json.dumps(shown[0][0]) + "}"
    lines = [header, *(line for _, line in shown[:-1])]  # the last one is the target
    return Prompt("".join(f"{line}\n" for line in lines), parse_header(header).members)
