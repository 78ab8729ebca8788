"""The held-out messages that are evaluated, and the rows that they are scored in."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from ventriloquist.evaluate.resampling import Cluster
from ventriloquist.evaluate.texts import Texts, typed
from ventriloquist.model.corpus import Corpus, TokenRow
from ventriloquist.model.manifest import Manifest
from ventriloquist.store import Connection
from ventriloquist.store import corpus as stored
from ventriloquist.store.corpus import StoredConversation
from ventriloquist.transcript import Line, parse_line

FINAL_WINDOWS = 2  # of each conversation: the test that the README promises
STRETCH = 10  # neighbouring messages that are resampled together if there are few conversations
ENOUGH = 50  # messages of a person, for a verdict about them
MAX_PEOPLE = 30  # with results of their own: those with the most held-out messages
LONGEST_RUN = 10  # longer runs of messages by one person count as this long

Item = TypeVar("Item")
TargetId = tuple[int, int]
"""A conversation and a position in it."""


class Before(NamedTuple):
    """The line before a target: its writer, how many lines in a row they had written by then, and what they typed."""

    name: str
    run: int
    content: str


NOTHING = Before("", 0, "")


@dataclass(frozen=True, slots=True)
class Target:
    """One held-out message that a person typed."""

    conversation: StoredConversation
    position: int
    line: Line
    from_end: int  # 1 = the conversation's last
    before: Before = NOTHING
    own: str | None = None  # the typed part of the content, if the message's own text is known

    @property
    def typed(self) -> str:
        """Return what its writer typed; empty if it is nothing but a placeholder."""
        return typed(self.line.content) if self.own is None else self.own

    @property
    def id(self) -> TargetId:
        return self.conversation.id, self.position

    @property
    def cluster(self) -> Cluster:
        return self.conversation.id, self.position // STRETCH

    @property
    def is_final(self) -> bool:
        return self.from_end <= FINAL_WINDOWS


@dataclass(frozen=True, slots=True)
class HeldOutRow:
    """A row of tokens, and its targets in the order of `row.targets`."""

    row: TokenRow
    targets: list[Target]


def held_out_rows(
    db: Connection, corpus: Corpus, manifest: Manifest, boundaries: Mapping[int, int]
) -> list[HeldOutRow]:
    """Cut the test split into rows of the adapter's own window.

    Targets are lines that a person typed; lines of attachments and reactions have no style.

    Args:
        boundaries: for each conversation, the first position that was not trained on; 0 for others.
    """
    rows = []
    context = manifest.context or manifest.window // 2
    size = manifest.targets_per_window if manifest.context else manifest.window - context
    for conversation in corpus.conversations:
        boundary = boundaries.get(conversation.id, 0)
        for block in corpus.blocks(conversation, "test", context=context, size=size, max_length=manifest.max_length):
            row = corpus.row(conversation, block, "test")
            lines = _typed_lines(db, conversation.id, block.first_target, block.stop)
            kept = [target for target in row.targets if target[0] in lines and target[0] >= boundary]
            if kept:
                targets = [
                    Target(conversation, position, line, conversation.messages - position, before, own)
                    for position, (line, before, own) in ((position, lines[position]) for position, _, _ in kept)
                ]
                rows.append(HeldOutRow(TokenRow(row.tokens, kept), targets))
    return rows


def later_boundaries(*runs: Mapping[int, int]) -> dict[int, int]:
    """Return for each conversation the first position that none of the runs was trained on."""
    return {id: max(run.get(id, 0) for run in runs) for run in runs for id in run}


def only_targets(rows: Sequence[HeldOutRow], ids: Collection[TargetId]) -> list[HeldOutRow]:
    """Return rows with some of their targets. Rows without any are left out."""
    pairs = [[pair for pair in zip(row.row.targets, row.targets, strict=True) if pair[1].id in ids] for row in rows]
    return [
        HeldOutRow(TokenRow(row.row.tokens, [span for span, _ in kept]), [target for _, target in kept])
        for row, kept in zip(rows, pairs, strict=True)
        if kept
    ]


def draw_rows(rows: list[HeldOutRow], limit: int | None, seed: int) -> list[HeldOutRow]:
    """Draw whole rows by the seed until there are `limit` targets. Rows with a final window come first."""
    if limit is None:
        return rows
    drawn: list[HeldOutRow] = []
    shuffled = sorted(rows, key=lambda row: _lot(row.targets[0].cluster, seed))
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


def draw_targets(targets: Sequence[Target], limit: int | None, seed: int) -> list[Target]:
    """Draw at most `limit` targets by the seed, in their order.

    The draw depends only on a target's id, so that two runs draw the same ones.
    """
    if limit is None or len(targets) <= limit:
        return list(targets)
    lots = sorted(targets, key=lambda target: _lot(target.id, seed))
    chosen = {target.id for target in lots[:limit]}
    return [target for target in targets if target.id in chosen]


def draw_for_writing(targets: Sequence[Target], limit: int, seed: int) -> list[Target]:
    """Draw at most `limit` targets by the seed, in their order.

    Up to half are final windows. Then the people who write most get ENOUGH targets each, while there is room. The rest
    is drawn from everybody.
    """
    others = [target for target in targets if not target.is_final]
    final = draw_targets(
        [target for target in targets if target.is_final], max(limit - limit // 2, limit - len(others)), seed
    )
    chosen = {target.id for target in final}
    of_person = Counter(target.line.name for target in final)
    counts = Counter(target.line.name for target in targets)
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        missing = ENOUGH - of_person[name]
        if len(chosen) + missing > limit:
            break
        own = [target for target in others if target.line.name == name]
        chosen |= {target.id for target in draw_targets(own, max(0, missing), seed)}
    rest = [target for target in others if target.id not in chosen]
    chosen |= {target.id for target in draw_targets(rest, limit - len(chosen), seed)}
    return [target for target in targets if target.id in chosen]


def _lot(what: object, seed: int) -> float:
    return random.Random(f"{seed} {what}").random()  # noqa: S311  # not for secrets


def most_talkative(names: Iterable[str], limit: int = MAX_PEOPLE) -> list[str]:
    """Return the names that occur most, in alphabetical order."""
    counts = Counter(names)
    return sorted(sorted(counts, key=lambda name: (-counts[name], name))[:limit])


def _typed_lines(db: Connection, conversation: int, first: int, stop: int) -> dict[int, tuple[Line, Before, str]]:
    """Return the typed lines of a stretch by position, each with the line before it and its typed part."""
    lines = {}
    before = NOTHING
    texts = Texts(db)
    for found in stored.lines(db, conversation, max(0, first - LONGEST_RUN), stop):
        line = parse_line(found.line)
        own = texts.typed(line.content, found.message_id) if found.kind == "text" else ""
        if found.kind == "text" and found.position >= first:
            lines[found.position] = line, before, own
        before = Before(line.name, before.run + 1 if line.name == before.name else 1, own)
    return lines


def context_before(db: Connection, corpus: Corpus, target: Target, messages: int, room: int) -> list[str]:
    """Return what a model sees before it writes in a target's place: header and lines, each with its newline.

    Args:
        messages: at most.
        room: tokens at most. The oldest messages are dropped first; the header stays.
    """
    conversation = target.conversation
    first = max(0, target.position - messages)
    lengths = corpus.lengths(conversation)[first : target.position]
    left = room - len(corpus.header_tokens(conversation, first))
    while len(lengths) and lengths.sum() > left:
        first, lengths = first + 1, lengths[1:]
    *shown, last = stored.lines(db, conversation.id, first, target.position + 1)
    day = (shown[0] if shown else last).day
    return [conversation.header(day) + "\n", *(line.line + "\n" for line in shown)]
