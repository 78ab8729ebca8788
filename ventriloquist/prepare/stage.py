"""Prepare training messages: plan what each collected message becomes, then write it."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ventriloquist.clock import day_begins, day_reader
from ventriloquist.errors import NotReadyError
from ventriloquist.prepare.duplicates import drop_duplicates
from ventriloquist.prepare.lines import ConversationReader
from ventriloquist.prepare.options import PrepareOptions
from ventriloquist.prepare.redact import OwnRule, build_redactor, check_kinds, kinds_with
from ventriloquist.prepare.selection import REASONS, Selection, select
from ventriloquist.prepare.splits import hold_out
from ventriloquist.records import Progress
from ventriloquist.store import Connection, collected, corpus, transaction
from ventriloquist.store.collected import CollectedConversation
from ventriloquist.store.connect import set_cache
from ventriloquist.store.corpus import NewLine
from ventriloquist.store.counts import count_by_split
from ventriloquist.store.people import load_people
from ventriloquist.store.time_zones import COLLECTED, PREPARED, Origin, Zone, find_zone, record_zone
from ventriloquist.transcript import UNKNOWN, Line, delta_bucket, order_members, render_line

CACHE_KIB = 32_768  # messages are read by conversation, and lie in the file by time


@dataclass(frozen=True, slots=True)
class PreparePlan:
    """What prepare will do. All that can fail is checked, and nothing is written.

    Attributes:
        owner: the name of the owner of the messages.
        names: what people are called in transcripts, by id.
        cut_at: when the split date begins, Unix milliseconds; None to hold out by size.
    """

    options: PrepareOptions
    own_rules: tuple[OwnRule, ...]
    zone: Zone
    conversations: tuple[CollectedConversation, ...]
    owner: str
    names: dict[int, str]
    selection: Selection
    cut_at: int | None

    @property
    def messages(self) -> int:
        """How many messages will be read."""
        return sum(one.messages for one in self.conversations)


@dataclass(frozen=True, slots=True)
class PrepareSummary:
    """What prepare made, in numbers.

    Attributes:
        timezone: in which days begin.
        timezone_from: where the time zone comes from: the user, the file, or this machine.
        messages: messages that were read.
        lines: training messages, by split and in all; `context` ones are no targets.
        left_out: messages left out, by reason.
        redacted: spans replaced, by kind.
    """

    timezone: str
    timezone_from: Origin
    messages: int
    conversations: int
    lines: int
    train: int
    validation: int
    test: int
    context: int
    left_out: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)


def plan(db: Connection, options: PrepareOptions | None = None, own_rules: Sequence[OwnRule] = ()) -> PreparePlan:
    """Check everything that prepare needs, and look up the people and conversations that the options name.

    Raises:
        NotReadyError: there are no messages.
        SettingsError, UnknownNameError: an option makes no sense or names nobody.
    """
    options = options or PrepareOptions()
    conversations = collected.conversations(db)
    if not any(one.messages for one in conversations):
        raise NotReadyError("There are no messages yet.", hint="Run: vq collect")
    check_kinds(options.redact, own_rules)
    zone = find_zone(db, options.timezone, COLLECTED)
    people = load_people(db)
    return PreparePlan(
        options=options,
        own_rules=tuple(own_rules),
        zone=zone,
        conversations=tuple(conversations),
        owner=next(person.name for person in people if person.is_me),
        names={person.id: person.name for person in people},
        selection=select(db, options, zone.zone, people, conversations),
        cut_at=None if options.split_date is None else day_begins(options.split_date, zone.zone, "--split-date"),
    )


def run(db: Connection, plan: PreparePlan, *, progress: Progress = lambda _done, _total: None) -> PrepareSummary:
    """Replace the training messages, in one transaction and with flat memory.

    Raises:
        SettingsError: one of the user's own rules takes too long to search a message.
    """
    redact = build_redactor(db, plan.options.redact, plan.own_rules)
    total = plan.messages
    done = 0

    def advance(messages: int) -> None:
        nonlocal done
        done += messages
        progress(done, total)

    reader = ConversationReader(db, plan.selection, redact, reactions=plan.options.reactions, advance=advance)
    day = day_reader(plan.zone.zone)
    set_cache(db, CACHE_KIB)
    with transaction(db):
        corpus.clear(db)
        ahead: list[corpus.QuotedAhead] = []
        for conversation in plan.conversations:
            ahead += _write_conversation(db, plan, reader, conversation, day)
        corpus.unquote_held_out(db, ahead)
        drop_duplicates(db)
        record_zone(db, PREPARED, plan.zone.zone.key)
    splits = count_by_split(db)
    return PrepareSummary(
        timezone=plan.zone.zone.key,
        timezone_from=plan.zone.origin,
        messages=total,
        conversations=len(corpus.conversations(db)),
        lines=sum(splits.values()),
        **{name: splits.get(name, 0) for name in ("train", "validation", "test", "context")},
        left_out=_ordered(reader.left_out, REASONS),
        redacted=_ordered(reader.redacted, kinds_with(plan.own_rules)),
    )


def _write_conversation(
    db: Connection,
    plan: PreparePlan,
    reader: ConversationReader,
    conversation: CollectedConversation,
    day: Callable[[int], str],
) -> list[corpus.QuotedAhead]:
    """Write a conversation's lines, its members and its splits. Return the lines that quote what comes later."""
    ahead: list[corpus.QuotedAhead] = []
    starts = array("q")  # for each position, where its message begins
    cut = 0  # the first position at or after the split date
    has_unknown = False

    def lines() -> Iterator[NewLine]:
        nonlocal cut, has_unknown
        names, cut_at = plan.names, plan.cut_at
        previous_message: int | None = None
        previous_at: int | None = None
        for position, (message_id, kind, sender_id, sent_at, content, quoted) in enumerate(reader.read(conversation)):
            same_message = message_id is not None and message_id == previous_message
            starts.append(starts[-1] if same_message else position)
            sender = UNKNOWN if sender_id is None else names[sender_id]
            has_unknown = has_unknown or sender_id is None
            delta = delta_bucket(0 if previous_at is None else sent_at - previous_at)
            if cut_at is not None and sent_at < cut_at:
                cut = position + 1
            line = render_line(Line(sender, delta, content))
            if quoted is not None:
                guid, plain = quoted
                unquoted = render_line(Line(sender, delta, plain))
                ahead.append(corpus.QuotedAhead(conversation.id, position, guid, plain, unquoted))
            yield position, message_id, kind, sender, sent_at, day(sent_at), delta, content, line
            previous_message, previous_at = message_id, sent_at

    corpus.add_lines(db, conversation.id, lines())
    if not starts:
        return []
    others = [plan.names[id] for id in conversation.members if id not in plan.selection.people]
    members = order_members(plan.owner, [*others, *([UNKNOWN] if has_unknown else [])])
    corpus.add_conversation(db, conversation.id, conversation.type, members, len(starts))
    held = hold_out(starts, size=plan.options.holdout, cut=None if plan.cut_at is None else cut)
    corpus.hold_out(db, conversation.id, *held)
    return ahead


def _ordered(counts: Counter[str], order: Sequence[str]) -> dict[str, int]:
    return {name: counts[name] for name in order if counts[name]}
