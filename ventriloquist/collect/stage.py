"""The stage itself: from an open source to people, conversations and messages, in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ventriloquist.collect.choice import Choice, chooser
from ventriloquist.collect.conversations import Conversation, group_chats
from ventriloquist.collect.corrections import Corrections
from ventriloquist.collect.evidence import Evidence, gather
from ventriloquist.collect.finish import finish, place_anew, skip_echoes
from ventriloquist.collect.handles import Normalizer
from ventriloquist.collect.ids import ConversationIds, PeopleIds
from ventriloquist.collect.owner import owner_name, region
from ventriloquist.collect.people import Directory, build_directory
from ventriloquist.collect.placing import Placer
from ventriloquist.collect.reactions import derive_reactions
from ventriloquist.collect.store import store_rows
from ventriloquist.database import Database
from ventriloquist.records import Progress, Source

CACHE_KIB = 16_384  # indexes of a new file are built last; until then rows only come at the end


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can ask of a collect."""

    my_name: str | None = None
    user_identifiers: Sequence[str] = ()
    corrections: Corrections = field(default_factory=Corrections)
    choice: Choice = field(default_factory=Choice)
    replace: bool = False  # start over


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
    ambiguous: Sequence[Mapping[str, object]]  # handles on the cards of several people: they belong to none of them
    notes: Sequence[str]


def check(source: Source, options: Options) -> None:
    """Find out whether a source can be collected into a new file, before one is made.

    Raises:
        SettingsError: the owner's name is not known.
        UnknownNameError: a name to leave out, or to take alone, is nobody's.
    """
    evidence = gather(None, source)
    owner_name(options.my_name, evidence.cards, None)
    directory, of_chat, _ = _derive(evidence, options)
    chooser(options.choice, directory, of_chat, {})


def collect(
    db: Database, source: Source, options: Options = Options(), *, progress: Progress = lambda _done, _total: None
) -> CollectSummary:
    """Copy a source into the file, in one transaction: what is new is added, what changed is updated.

    Raises:
        SettingsError: the owner's name is not known.
        UnknownNameError: a name to leave out, or to take alone, is nobody's.
        SourceError: the source turns out to be damaged.
    """
    connection = db.conn
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    with db.atomic():
        if options.replace:
            for table in _TABLES:
                connection.execute(f"DELETE FROM {table}")  # noqa: S608  # fixed names
        evidence = gather(connection, source)
        stored = connection.execute("SELECT name FROM people WHERE is_me").fetchone()
        me = owner_name(options.my_name, evidence.cards, stored[0] if stored else None)
        directory, of_chat, normalize = _derive(evidence, options)
        people = PeopleIds(connection, directory)
        conversations = ConversationIds(connection, of_chat)
        names = {person: people.names[id_] for person, id_ in people.of.items() if id_ in people.names}
        leave_out = chooser(options.choice, directory, of_chat, names)
        placer = Placer(directory, of_chat, people, conversations)
        is_new = not any(_count(connection, table) for table in ("text_messages", "tapbacks", "skipped"))
        tally = store_rows(
            connection, source.rows(), placer.place, leave_out, is_new=is_new, total=source.total, progress=progress
        )
        if not is_new:
            place_anew(connection, placer)
        verdicts = derive_reactions(connection, placer.person_of, None if is_new else tally.tapbacks)
        reactions = verdicts.pop("", 0)
        tally.skipped.update(verdicts)
        notes_to_self = {id_ for conversation, id_ in conversations.of.items() if conversation.other is directory.me}
        echoes = skip_echoes(connection, notes_to_self)
        tally.messages -= len(echoes)
        tally.skipped["echo"] += len(echoes)
        renamed = {normalize(handle): name for handle, name in options.corrections.rename.items()}
        finish(connection, evidence, directory, of_chat, people, conversations, placer.places(), me, renamed)
        count_messages, count_people, count_conversations = (_count(connection, table) for table in _COUNTED)
    return CollectSummary(
        source.name,
        source.total,
        tally.messages,
        reactions,
        {reason: count for reason, count in sorted(tally.skipped.items()) if count},
        tally.added,
        tally.changed - tally.added,
        count_messages,
        count_people,
        count_conversations,
        me,
        dict(sorted(source.owner_identifiers.items(), key=lambda item: (-item[1], item[0]))),
        [{"handle": found.handle, "names": list(found.names)} for found in directory.ambiguous],
        list(source.notes),
    )


_COUNTED = ("text_messages", "people", "conversations")
# those that refer to others first
_TABLES = (
    "members",
    "handles",
    "cards",
    "chats",
    "owner_identifiers",
    "reactions",
    "tapbacks",
    "skipped",
    "attachments",
    "text_messages",
    "conversations",
    "people",
)


def _count(connection: sqlite3.Connection, table: str) -> int:
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608  # fixed names
    return int(count)


def _derive(evidence: Evidence, options: Options) -> tuple[Directory, dict[str, Conversation], Normalizer]:
    """Find out who is who, and which chats are one conversation."""
    identifiers = options.user_identifiers or list(evidence.owner_identifiers)
    normalize = Normalizer(
        region(options.user_identifiers, evidence.owner_identifiers, evidence.cards, evidence.handles)
    )
    directory = build_directory(
        evidence.cards, map(normalize, identifiers), options.my_name, options.corrections, normalize
    )
    for handle in evidence.handles:
        directory.person(handle)
    return directory, group_chats(evidence.chats.values(), directory), normalize
