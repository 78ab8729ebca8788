"""The stage itself: from an open source to people, conversations and messages, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from ventriloquist.collect.changes import digest_of_derived
from ventriloquist.collect.choice import Choice, chooser
from ventriloquist.collect.conversations import group_chats
from ventriloquist.collect.corrections import Corrections
from ventriloquist.collect.echoes import skip_echoes
from ventriloquist.collect.evidence import Evidence, gather
from ventriloquist.collect.finish import finish, place_anew
from ventriloquist.collect.handles import Normalizer
from ventriloquist.collect.hints import unite_by_hints
from ventriloquist.collect.ids import ConversationIds, PeopleIds
from ventriloquist.collect.owner import owner_name, region
from ventriloquist.collect.people import Directory, Person, build_directory
from ventriloquist.collect.placing import Placer
from ventriloquist.collect.plan import Plan
from ventriloquist.collect.reactions import derive_reactions, skip_reactions_to_forgotten
from ventriloquist.collect.store import Place, Tally, store_rows
from ventriloquist.collect.text_tapbacks import conversations_with_tapback_texts, move_text_tapbacks
from ventriloquist.fs import open_to_others
from ventriloquist.layout import DATABASE
from ventriloquist.records import SKIPPED, Progress, Source
from ventriloquist.store import Connection, recorded_run, transaction
from ventriloquist.store.forgotten import load_forgotten
from ventriloquist.store.time_zones import COLLECTED, record_zone, zone_of_collect

CACHE_KIB = 16_384  # indexes of a new file are built last; until then rows only come at the end

# those that refer to others first
_TABLES = (
    "members", "handles", "cards", "chats", "person_hints", "owner_identifiers", "reactions", "tapbacks", "skipped",
    "attachments", "text_messages", "conversations", "people",
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
    changed: bool  # the file is not as it was, in what training messages are made of
    total_messages: int  # in the file, of all sources
    people: int
    conversations: int
    owner: str
    owner_identifiers: Mapping[str, int]  # how many rows of this source name each as the owner's
    timezone: str  # in which days begin; it travels in the file
    ambiguous: Mapping[str, Sequence[str]]  # handles on several people's cards, which belong to none of them
    hinted: Sequence[Sequence[str]]  # handles that the source itself takes for one person's, and that were united
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
    is_first = not (home / DATABASE).exists()
    if is_first:
        _plan(None, source, options)

    def check(db: Connection) -> None:
        if not is_first:
            _plan(None if options.replace else db, source, options)

    with recorded_run(home, "collect", asked, create=True, plan=check) as run:
        summary = collect(run.db, source, options, progress=progress)
        run.result = summary = replace(summary, notes=[*summary.notes, *open_to_others(home)])
    return summary


def collect(
    db: Connection, source: Source, options: Options | None = None, *, progress: Progress = lambda _done, _total: None
) -> CollectSummary:
    """Copy a source into the file, in one transaction: what is new is added, what changed is updated.

    Raises:
        SettingsError: the owner's name is not known, or a time zone is none.
        UnknownNameError: a name to leave out, or to take alone, is nobody's.
        SourceError: the source turns out to be damaged.
    """
    options = options or Options()
    connection = db
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    with transaction(db):
        if options.replace:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608  # fixed names
        plan = _plan(connection, source, options)
        people = PeopleIds(connection, plan.directory)
        conversations = ConversationIds(connection, plan.of_chat)
        placer = Placer(plan, people, conversations)
        is_new = _is_new(connection)
        before = b"" if is_new else digest_of_derived(connection)
        tally = store_rows(connection, source, placer.place, plan, is_new=is_new, progress=progress)
        moved = 0 if is_new else place_anew(connection, placer)
        places: Iterable[Place] = placer.places()
        quoting = tally.quoting if is_new else conversations_with_tapback_texts(connection)
        if quoting:
            _take_text_tapbacks(connection, quoting, tally)
            places = _places(connection)
        tally.skipped["forgotten"] += skip_reactions_to_forgotten(connection, tally.tapbacks)
        verdicts = derive_reactions(connection, placer.person_of, tally.tapbacks)
        reactions = verdicts.pop("", 0)
        tally.skipped.update(verdicts)
        echoes = skip_echoes(connection, conversations.notes_to_self(), tally.received_notes)
        tally.messages -= echoes
        tally.skipped["echo"] += echoes
        finish(connection, plan, people, conversations, places)
        record_zone(connection, COLLECTED, plan.zone.key)
        added, updated = tally.added - tally.moved - echoes, tally.changed - tally.added
        changed = bool(added or updated or moved) or digest_of_derived(connection) != before
        in_file = [_count(connection, table) for table in ("text_messages", "people", "conversations")]
    return CollectSummary(
        source=source.name,
        rows=source.total,
        messages=tally.messages,
        reactions=reactions,
        skipped={reason: tally.skipped[reason] for reason in SKIPPED if tally.skipped[reason]},
        added=added,
        updated=updated,
        changed=changed,
        total_messages=in_file[0],
        people=in_file[1],
        conversations=in_file[2],
        owner=plan.owner_name,
        owner_identifiers=dict(sorted(source.owner_identifiers.items(), key=lambda item: (-item[1], item[0]))),
        timezone=plan.zone.key,
        ambiguous={found.handle: found.names for found in plan.directory.ambiguous if people.knows(found.handle)},
        hinted=[handles for handles in plan.hinted if people.knows(handles[0])],
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
    hinted = unite_by_hints(directory, evidence, frozenset(map(normalize, options.corrections.part)))
    of_chat = group_chats(evidence.chats.values(), directory)
    renamed = {normalize(handle): name for handle, name in options.corrections.rename.items()}
    names = PeopleIds(connection, directory).current_names() if connection is not None else {}
    gone: frozenset[Person] = frozenset() if connection is None else _forgotten(connection, directory)
    zone = zone_of_collect(None if options.replace else connection, options.timezone)
    leave_out = chooser(options.choice, directory, of_chat, names, renamed, gone, zone)
    notes = [*source.notes, *_nameless(source, evidence), *_unknown(options.corrections, evidence, normalize)]
    return Plan(evidence, me, directory, hinted, of_chat, renamed, leave_out, gone, notes, zone)


def _nameless(source: Source, evidence: Evidence) -> Iterator[str]:
    """Say that names are missing where nobody gave contacts; a source that cannot read its own says so itself."""
    if source.cards is None and not evidence.cards and not source.notes:
        yield (
            "Names are missing: no contacts were read, so people are called by their numbers and addresses. "
            "Give them with --contacts DIR: the AddressBook folder of the Mac, which is in "
            "~/Library/Application Support there."
        )


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


def _take_text_tapbacks(connection: sqlite3.Connection, conversations: Collection[int], tally: Tally) -> None:
    """Make tapbacks of the texts that are such, and count them as tapbacks of this source where they are its own."""
    moved = move_text_tapbacks(connection, conversations)
    if tally.tapbacks is None or tally.tapback_texts is None:
        tally.messages -= len(moved)
        tally.moved += len(moved)
        return
    own = [guid for guid in moved if guid in tally.tapback_texts]
    tally.tapbacks.update(own)
    tally.messages -= len(own)
    tally.moved += sum(tally.tapback_texts[guid] for guid in own)


def _places(connection: sqlite3.Connection) -> list[Place]:
    """Return where there are messages, and whose."""
    rows = connection.execute("SELECT DISTINCT conversation_id, sender_id FROM text_messages")
    return [Place(conversation, sender, "") for conversation, sender in rows]


def _is_new(connection: sqlite3.Connection) -> bool:
    """Tell whether nothing was ever collected into the file."""
    tables = ("text_messages", "tapbacks", "skipped")
    return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)  # noqa: S608


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # fixed names
    return int(count)
