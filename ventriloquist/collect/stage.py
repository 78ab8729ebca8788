"""The stage itself: from an open source to people, conversations and messages, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from ventriloquist.collect.choice import Choice, chooser
from ventriloquist.collect.conversations import group_chats
from ventriloquist.collect.corrections import Corrections
from ventriloquist.collect.echoes import skip_echoes
from ventriloquist.collect.evidence import Evidence, gather
from ventriloquist.collect.finish import finish, place_anew
from ventriloquist.collect.handles import Normalizer
from ventriloquist.collect.ids import ConversationIds, PeopleIds
from ventriloquist.collect.owner import owner_name, region
from ventriloquist.collect.people import Directory, Person, build_directory
from ventriloquist.collect.placing import Placer
from ventriloquist.collect.plan import Plan
from ventriloquist.collect.reactions import derive_reactions, skip_reactions_to_forgotten
from ventriloquist.collect.store import store_rows
from ventriloquist.database import Database, recorded_run
from ventriloquist.database.connect import FILENAME
from ventriloquist.database.forgotten import load_forgotten
from ventriloquist.database.time_zones import COLLECTED, record_zone, zone_of_collect
from ventriloquist.records import SKIPPED, Progress, Source

CACHE_KIB = 16_384  # indexes of a new file are built last; until then rows only come at the end

# those that refer to others first
_TABLES = (
    "members", "handles", "cards", "chats", "owner_identifiers", "reactions", "tapbacks", "skipped", "attachments",
    "text_messages", "conversations", "people",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can ask of a collect."""

    my_name: str | None = None
    user_identifiers: Sequence[str] = ()
    corrections: Corrections = field(default_factory=Corrections)
    choice: Choice = field(default_factory=Choice)
    replace: bool = False  # start over
    timezone: str | None = None  # IANA name of the zone in which days begin; default this machine's


@dataclass(frozen=True, slots=True)
class CollectSummary:
    """What one collect read, and what the file holds after it."""

    source: str
    rows: int  # = messages + reactions + all that is skipped
    messages: int
    reactions: int
    skipped: Mapping[str, int]  # by reason, as in records.SKIPPED
    added: int  # messages that are new in the file
    updated: int  # messages that the file had, and that changed
    total_messages: int  # in the file, of all sources
    people: int
    conversations: int
    owner: str
    owner_identifiers: Mapping[str, int]  # how many rows of this source name each as the owner's
    timezone: str  # in which days begin; it travels in the file
    ambiguous: Mapping[str, Sequence[str]]  # handles on several people's cards, which belong to none of them
    notes: Sequence[str]


def collect_into(
    home: Path,
    source: Source,
    options: Options,
    *,
    asked: Mapping[str, object] | None = None,
    progress: Progress = lambda _done, _total: None,
) -> CollectSummary:
    """Collect into VQ_HOME: hold its lock, record the run, and make or change nothing where that cannot be done.

    Args:
        asked: the run's parameters, for the record.

    Raises:
        BusyError: another run holds the lock.
        Also what `collect` raises.
    """
    is_first = not (home / FILENAME).exists()
    if is_first:
        _plan(None, source, options)

    def check(db: Database) -> None:
        if not is_first:
            _plan(None if options.replace else db.conn, source, options)

    with recorded_run(home, "collect", asked, create=True, check=check) as run:
        run.result = summary = collect(run.db, source, options, progress=progress)
    return summary


def collect(
    db: Database, source: Source, options: Options | None = None, *, progress: Progress = lambda _done, _total: None
) -> CollectSummary:
    """Copy a source into the file, in one transaction: what is new is added, what changed is updated.

    Raises:
        SettingsError: the owner's name is not known, or a time zone is none.
        UnknownNameError: a name to leave out, or to take alone, is nobody's.
        SourceError: the source turns out to be damaged.
    """
    options = options or Options()
    connection = db.conn
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    with db.atomic():
        if options.replace:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608  # fixed names
        plan = _plan(connection, source, options)
        people = PeopleIds(connection, plan.directory)
        conversations = ConversationIds(connection, plan.of_chat)
        placer = Placer(plan, people, conversations)
        is_new = _is_new(connection)
        tally = store_rows(connection, source, placer.place, plan, is_new=is_new, progress=progress)
        if not is_new:
            place_anew(connection, placer)
        tally.skipped["forgotten"] += skip_reactions_to_forgotten(connection, tally.tapbacks)
        verdicts = derive_reactions(connection, placer.person_of, tally.tapbacks)
        reactions = verdicts.pop("", 0)
        tally.skipped.update(verdicts)
        echoes = skip_echoes(connection, conversations.notes_to_self(), tally.received_notes)
        tally.messages -= echoes
        tally.skipped["echo"] += echoes
        finish(connection, plan, people, conversations, placer.places())
        record_zone(connection, COLLECTED, plan.zone.key)
        in_file = [_count(connection, table) for table in ("text_messages", "people", "conversations")]
    return CollectSummary(
        source=source.name,
        rows=source.total,
        messages=tally.messages,
        reactions=reactions,
        skipped={reason: tally.skipped[reason] for reason in SKIPPED if tally.skipped[reason]},
        added=tally.added - echoes,
        updated=tally.changed - tally.added,
        total_messages=in_file[0],
        people=in_file[1],
        conversations=in_file[2],
        owner=plan.owner_name,
        owner_identifiers=dict(sorted(source.owner_identifiers.items(), key=lambda item: (-item[1], item[0]))),
        timezone=plan.zone.key,
        ambiguous={found.handle: found.names for found in plan.directory.ambiguous if people.knows(found.handle)},
        notes=plan.notes,
    )


def _plan(connection: sqlite3.Connection | None, source: Source, options: Options) -> Plan:
    """Find out who is who, what is one conversation and what is wanted, from a source and the file, if there is one."""
    evidence = gather(connection, source)
    stored = connection.execute("SELECT name FROM people WHERE is_me").fetchone() if connection is not None else None
    me = owner_name(options.my_name, evidence.cards, stored[0] if stored else None)
    identifiers = options.user_identifiers or list(evidence.owner_identifiers)
    normalize = Normalizer(
        region(options.user_identifiers, evidence.owner_identifiers, evidence.cards, evidence.handles)
    )
    directory = build_directory(
        evidence.cards, map(normalize, identifiers), options.my_name, options.corrections, normalize
    )
    for handle in evidence.handles:
        directory.person(handle)
    of_chat = group_chats(evidence.chats.values(), directory)
    renamed = {normalize(handle): name for handle, name in options.corrections.rename.items()}
    names = PeopleIds(connection, directory).current_names() if connection is not None else {}
    gone: frozenset[Person] = frozenset() if connection is None else _forgotten(connection, directory)
    zone = zone_of_collect(None if options.replace else connection, options.timezone)
    leave_out = chooser(options.choice, directory, of_chat, names, renamed, gone, zone)
    notes = [*source.notes, *_unknown(options.corrections, evidence, normalize)]
    return Plan(evidence, me, directory, of_chat, renamed, leave_out, gone, notes, zone)


def _unknown(corrections: Corrections, evidence: Evidence, normalize: Callable[[str], str]) -> Iterator[str]:
    """Say which corrections correct nothing, as one does that names people instead of their handles."""
    on_cards = (card.identifiers for card in evidence.cards)
    known = set(map(normalize, chain(evidence.handles, evidence.owner_identifiers, *on_cards)))
    unknown = [handle for handle in corrections.handles() if normalize(handle) not in known]
    if unknown:
        yield f"corrections.toml: nobody here has the number or address {', '.join(map(repr, unknown))}."


def _forgotten(connection: sqlite3.Connection, directory: Directory) -> frozenset[Person]:
    forgotten = load_forgotten(connection)
    return frozenset(person for person in directory if person is not directory.me and forgotten.has_any(person.handles))


def _is_new(connection: sqlite3.Connection) -> bool:
    """Tell whether nothing was ever collected into the file."""
    tables = ("text_messages", "tapbacks", "skipped")
    return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # fixed names
    return int(count)
