"""Which held-out messages are evaluated, and the rows of context and targets they are scored in."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ventriloquist.database import Database
from ventriloquist.evaluate.statistics import Cluster
from ventriloquist.model.corpus import Conversation, Corpus, Row
from ventriloquist.model.manifest import Manifest
from ventriloquist.transcript import Line, parse_header, parse_line

FINAL_WINDOWS = 2  # of each conversation: the test that the product promises
STRETCH = 10  # neighbouring messages of a conversation that are drawn together where there are few conversations

MAX_PEOPLE = 30  # who are measured one by one: those with the most held-out messages

Item = TypeVar("Item")


class Before(NamedTuple):
    """The line before a target: who wrote it, how many in a row they had written by then, and what it says."""

    name: str
    run: int
    content: str


NOTHING = Before("", 0, "")


@dataclass(frozen=True, slots=True)
class Target:
    """One held-out message that a person typed."""

    conversation: Conversation
    position: int
    line: Line
    from_end: int  # 1 = the conversation's last
    before: Before = NOTHING

    @property
    def cluster(self) -> Cluster:
        return self.conversation.id, self.position // STRETCH

    @property
    def is_final(self) -> bool:
        return self.from_end <= FINAL_WINDOWS


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
                    Target(conversation, position, line, conversation.messages - position, before)
                    for position, (line, before) in ((position, typed[position]) for position, _, _ in kept)
                ]
                rows.append(HeldOutRow(Row(row.tokens, kept), targets))
    return rows


def draw_rows(rows: list[HeldOutRow], limit: int | None, seed: int) -> list[HeldOutRow]:
    """Draw whole rows by the seed until there are `limit` targets; those with a final window come first."""
    if limit is None:
        return rows
    drawn: list[HeldOutRow] = []
    shuffled = random.Random(seed).sample(rows, len(rows))  # noqa: S311  # not for secrets
    for row in sorted(shuffled, key=lambda row: not any(target.is_final for target in row.targets)):
        if sum(len(other.targets) for other in drawn) >= limit:
            break
        drawn.append(row)
    return drawn


def draw(items: Sequence[Item], limit: int | None, seed: int) -> list[Item]:
    """Draw at most `limit` items by the seed, in their order."""
    if limit is None or len(items) <= limit:
        return list(items)
    chosen = sorted(random.Random(seed).sample(range(len(items)), limit))  # noqa: S311  # not for secrets
    return [items[index] for index in chosen]


def draw_targets(targets: Sequence[Target], limit: int, seed: int) -> list[Target]:
    """Draw at most `limit` targets by the seed: the final windows first, then any others, in their order."""
    final = draw([target for target in targets if target.is_final], limit, seed)
    others = draw([target for target in targets if not target.is_final], limit - len(final), seed)
    kept = {(target.conversation.id, target.position) for target in (*final, *others)}
    return [target for target in targets if (target.conversation.id, target.position) in kept]


def most_talkative(names: Iterable[str], limit: int = MAX_PEOPLE) -> list[str]:
    """Return the names that occur most, by name."""
    counts = Counter(names)
    return sorted(sorted(counts, key=lambda name: (-counts[name], name))[:limit])


def _typed_lines(db: Database, conversation: int, first: int, stop: int) -> dict[int, tuple[Line, Before]]:
    """Return the typed lines of a stretch by position, each with what stands before it."""
    found = db.conn.execute(
        "SELECT position, line, kind FROM training_messages"
        " WHERE conversation_id = ? AND position >= ? AND position < ? ORDER BY position",
        (conversation, max(0, first - LONGEST_RUN), stop),
    )
    typed = {}
    before = NOTHING
    for position, rendered, kind in found:
        line = parse_line(rendered)
        if kind == "text" and position >= first:
            typed[position] = line, before
        before = Before(line.name, before.run + 1 if line.name == before.name else 1, line.content)
    return typed


LONGEST_RUN = 10  # messages in a row that are told apart


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
