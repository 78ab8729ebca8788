"""The stage: `plan` reads what is asked, `run` brings the index up to date and searches."""

from __future__ import annotations

import difflib
import sqlite3
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from ventriloquist.clock import day_begins, day_reader, local_time
from ventriloquist.errors import NotReadyError, SettingsError
from ventriloquist.names import find_conversations, find_name
from ventriloquist.records import Progress
from ventriloquist.search.words import VERSION, Query, Span, Term, index_words, parse
from ventriloquist.store import Connection, collected
from ventriloquist.store import search as index
from ventriloquist.store.collected import CollectedConversation
from ventriloquist.store.people import load_people
from ventriloquist.store.search import FoundText, Within
from ventriloquist.store.time_zones import COLLECTED, PREPARED, find_zone
from ventriloquist.transcript import UNKNOWN, ConversationType

SUGGESTED_FROM = 4  # characters: shorter words are near to too many others
NEAR = 0.75  # as difflib counts


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a user can ask of a search. The dates are local, and both count."""

    words: tuple[str, ...]
    person: str | None = None  # who wrote it
    conversation: str | None = None  # by title, person or number
    since: date | None = None
    until: date | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What to search for, and where."""

    query: Query
    within: Within
    narrowed_by: tuple[str, ...]  # the options that `within` comes from
    limit: int
    zone: ZoneInfo
    conversations: Mapping[int, CollectedConversation]
    names: Mapping[int, str]  # of people, by id


@dataclass(frozen=True, slots=True)
class Hit:
    """A message that was found."""

    id: int
    conversation: int  # its number
    title: str  # of a group; the other person of a one-to-one conversation
    type: ConversationType
    name: str  # of who wrote it
    sent_at: int  # Unix milliseconds
    day: str  # local ISO date
    time: str  # local, HH:MM
    text: str
    spans: tuple[Span, ...]  # where the text has the words


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The newest messages that were found, the newest first.

    Attributes:
        more: there are others.
        advice: what to try if there are none, else empty.
        notes: for the user.
    """

    hits: tuple[Hit, ...]
    more: bool
    advice: str
    notes: tuple[str, ...]


def plan(db: Connection, options: SearchOptions, *, timezone: str | None = None) -> SearchPlan:
    """Read the words, and find the person and the conversation.

    Raises:
        NotReadyError: nothing is collected.
        SettingsError: there is no word to search for, or no such time zone.
        UnknownNameError: nobody, or no conversation, has the name.
    """
    conversations = collected.conversations(db)
    if not conversations:
        raise NotReadyError("There are no messages yet.", hint="Run: vq collect")
    query = parse(options.words)
    if not query.terms:
        raise SettingsError("There is no word to search for.", hint="Name one, as in: vq search pizza")
    people = {person.name: person.id for person in load_people(db)}
    names = {id: name for name, id in people.items()}
    zone = find_zone(db, timezone, PREPARED, COLLECTED).zone
    chosen = None
    if options.conversation is not None:
        labelled = [(one.id, one.labels(names)) for one in conversations]
        chosen = find_conversations(options.conversation, labelled)
    within = Within(
        people[find_name(options.person, people)] if options.person is not None else None,
        chosen,
        None if options.since is None else day_begins(options.since.isoformat(), zone, "--since"),
        None if options.until is None else day_begins(options.until.isoformat(), zone, "--until", days_later=1),
    )
    narrowing = ("person", "conversation", "since", "until")
    narrowed_by = tuple(f"--{name}" for name in narrowing if getattr(options, name) is not None)
    return SearchPlan(query, within, narrowed_by, options.limit, zone, {one.id: one for one in conversations}, names)


def run(db: Connection, plan: SearchPlan, *, progress: Progress = lambda _done, _total: None) -> SearchResult:
    """Search. Without FTS5, and while another program writes the file, every message is read instead."""
    notes: list[str] = []
    try:
        found, more, advice = _search(db, plan, progress, notes)
    except sqlite3.DatabaseError as error:
        if not _is_of_the_index(error):
            raise
        index.forget_index(db)
        found, more, advice = _search(db, plan, progress, notes)
    day = day_reader(plan.zone)
    conversations, names = plan.conversations, plan.names
    if not all(_is_known(message, conversations, names) for message, _ in found):
        # another run has added people or conversations meanwhile
        conversations = {one.id: one for one in collected.conversations(db)}
        names = {person.id: person.name for person in load_people(db)}
        found = [hit for hit in found if _is_known(hit[0], conversations, names)]
    hits = [
        Hit(
            message.id,
            message.conversation_id,
            conversations[message.conversation_id].name(names),
            conversations[message.conversation_id].type,
            UNKNOWN if message.sender_id is None else names[message.sender_id],
            message.sent_at,
            day(message.sent_at),
            local_time(message.sent_at, plan.zone),
            message.text,
            tuple(spans),
        )
        for message, spans in found
    ]
    return SearchResult(tuple(hits), more, advice, tuple(notes))


def _is_known(message: FoundText, conversations: Container[int], names: Container[int]) -> bool:
    return message.conversation_id in conversations and (message.sender_id is None or message.sender_id in names)


def _search(
    db: Connection, plan: SearchPlan, progress: Progress, notes: list[str]
) -> tuple[list[tuple[FoundText, list[Span]]], bool, str]:
    """Return the newest messages with the words, whether there are more, and what to try if there are none."""
    indexed = _index(db, progress, notes)
    found, more = _find(db, plan.query, plan.within, plan.limit, indexed=indexed)
    return found, more, "" if found else _advice(db, plan, indexed=indexed)


def _index(db: Connection, progress: Progress, notes: list[str]) -> bool:
    """Bring the index up to date; return whether it can be used."""
    if not index.can_index(db):
        notes.append(
            "This Python's SQLite has no FTS5, so every message is read. With another Python, vq searches faster."
        )
        return False
    try:
        index.bring_up_to_date(db, VERSION, index_words, progress)
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise
        notes.append("Another run writes the file now, so every message is read instead of the index.")
        return False
    return True


def _is_of_the_index(error: sqlite3.DatabaseError) -> bool:
    """Tell whether an error says that the index is damaged, in one of the ways in which FTS5 says so."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code in (sqlite3.SQLITE_CORRUPT_VTAB, sqlite3.SQLITE_ERROR) or isinstance(error, sqlite3.IntegrityError)


def _find(
    db: Connection, query: Query, within: Within, limit: int, *, indexed: bool
) -> tuple[list[tuple[FoundText, list[Span]]], bool]:
    """Return the newest messages with the words, and whether there are more."""
    found: list[tuple[FoundText, list[Span]]] = []
    for message in index.messages_with(db, query.for_index() if indexed else None, within):
        if spans := query.spans(message.text):
            if len(found) == limit:
                return found, True
            found.append((message, spans))
    return found, False


def _advice(db: Connection, plan: SearchPlan, *, indexed: bool) -> str:
    """Return the nearest thing to try when nothing was found."""

    def exists(terms: Iterable[Term], within: Within) -> bool:
        return bool(_find(db, Query(tuple(terms)), within, 1, indexed=indexed)[0])

    terms = plan.query.terms
    if plan.within != Within() and exists(terms, Within()):
        return f"There are such messages elsewhere: leave out {' or '.join(plan.narrowed_by)}."
    for term in terms:
        if len(terms) == 1 or not exists([term], Within()):
            shown = f'"{term.text}"' if term.is_phrase else term.text
            if near := _near(db, term) if indexed else "":
                return f"No message has {shown}. Try: vq search {near}"
            if " " in term.text:
                return f"No message has {shown}. Try its words without the quotes."
            return f"No message has {shown}. Try another spelling, or the beginning of a word."
    return "Each of these words occurs, but no message has all of them. Try fewer."


def _near(db: Connection, term: Term) -> str:
    """Return the words in the index that are nearest to those of a term; empty if one is near to nothing."""
    words = index_words(term.text).split()
    near = [_nearest(db, word) for word in words]
    return " ".join(near) if all(near) and near != words else ""


def _nearest(db: Connection, word: str) -> str:
    known = index.indexed_words(db, word[0])
    if word in known:
        return word
    alike = [other for other in known if abs(len(other) - len(word)) <= 2]
    close = difflib.get_close_matches(word, alike, 1, NEAR) if len(word) >= SUGGESTED_FROM else []
    return close[0] if close else ""
