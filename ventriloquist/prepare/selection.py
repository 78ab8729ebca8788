"""What is left out of training, and why. What is left out leaves no trace: it is not quoted either."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from ventriloquist.clock import day_begins
from ventriloquist.errors import SettingsError
from ventriloquist.names import find_name
from ventriloquist.prepare.options import UNWANTED_FLAGS, PrepareOptions
from ventriloquist.store import Connection

REASONS = ("conversation", "person", *UNWANTED_FLAGS, "before", "after", "few_messages", "blank")


@dataclass(frozen=True, slots=True)
class Selection:
    """The options, resolved against the people and conversations of one database."""

    people: frozenset[int]  # left out wherever they write
    conversations: dict[int, str]  # left out whole, by reason
    flags: tuple[str, ...]
    since: int | None  # Unix milliseconds, included
    until: int | None  # Unix milliseconds, not included

    def reason(self, conversation_id: int, sender_id: int | None, sent_at: int, flags: str) -> str | None:
        """Return why a message is left out, or None."""
        if self.conversations and conversation_id in self.conversations:
            return self.conversations[conversation_id]
        if self.people and sender_id in self.people:
            return "person"
        if flags and (unwanted := _unwanted(flags, self.flags)):
            return unwanted
        if self.since is not None and sent_at < self.since:
            return "before"
        if self.until is not None and sent_at >= self.until:
            return "after"
        return None


def select(db: Connection, options: PrepareOptions, zone: ZoneInfo) -> Selection:
    """Resolve the options.

    Raises:
        UnknownNameError: a person or conversation to leave out does not exist.
        SettingsError: a flag or date is none, or the owner is to be left out.
    """
    for flag in options.keep:
        if flag not in UNWANTED_FLAGS:
            raise SettingsError(f"There is no flag {flag!r}.", hint=f"Choose from: {', '.join(UNWANTED_FLAGS)}.")
    people = _people(db, options.exclude_people)
    flags = tuple(flag for flag in UNWANTED_FLAGS if flag not in options.keep)
    conversations: dict[int, str] = {}
    for id, count in db.execute("SELECT conversation_id, count(*) FROM text_messages GROUP BY conversation_id"):
        if count < options.min_messages:
            conversations[id] = "few_messages"
    conversations |= _unwanted_conversations(db, flags)
    for id in people:
        rows = db.execute(
            "SELECT c.id FROM conversations c JOIN members m ON m.conversation_id = c.id"
            " WHERE m.person_id = ? AND c.type = 'dm'",
            (id,),
        )
        conversations |= dict.fromkeys((row[0] for row in rows), "person")
    conversations |= dict.fromkeys(_conversations(db, options.exclude_conversations), "conversation")
    return Selection(
        people=people,
        conversations=conversations,
        flags=flags,
        since=None if options.since is None else day_begins(options.since, zone, "--since"),
        until=None if options.until is None else day_begins(options.until, zone, "--until", days_later=1),
    )


def _people(db: Connection, names: Iterable[str]) -> frozenset[int]:
    known = dict(db.execute("SELECT name, id FROM people"))
    owner = db.execute("SELECT id FROM people WHERE is_me = 1").fetchone()
    found = [known[find_name(name, known)] for name in names]
    for id in found:
        if owner and id == owner[0]:
            raise SettingsError(
                "Your own messages cannot be left out: every conversation has them.",
                hint="Name other people with --exclude.",
            )
    return frozenset(found)


def _conversations(db: Connection, names: Iterable[str]) -> set[int]:
    known: dict[str, set[int]] = {}
    for id, title, other in db.execute(
        "SELECT c.id, c.title, p.name FROM conversations c"
        " LEFT JOIN members m ON m.conversation_id = c.id AND c.type = 'dm'"
        " LEFT JOIN people p ON p.id = m.person_id AND p.is_me = 0"
    ):
        for name in (str(id), title, other):
            if name:
                known.setdefault(name, set()).add(id)
    called = [name for name in known if not name.isdecimal()]
    chosen = (name if name in known else find_name(name, called, noun="conversation") for name in names)
    return {id for name in chosen for id in known[name]}


def _unwanted_conversations(db: Connection, flags: tuple[str, ...]) -> dict[int, str]:
    """Return conversations in which everything that came in is unwanted: the owner's answers go with them."""
    found: dict[int, str] = {}
    flagged = db.execute("SELECT DISTINCT conversation_id FROM text_messages WHERE flags != ''").fetchall()
    for (id,) in flagged:
        received = db.execute(
            "SELECT DISTINCT flags FROM text_messages WHERE conversation_id = ? AND is_from_me = 0", (id,)
        ).fetchall()
        reasons = {_unwanted(row[0], flags) for row in received}
        if reasons and None not in reasons:
            found[id] = next(flag for flag in flags if flag in reasons)
    return found


def _unwanted(flags: str, unwanted: tuple[str, ...]) -> str | None:
    present = flags.split(",")
    return next((flag for flag in unwanted if flag in present), None)
