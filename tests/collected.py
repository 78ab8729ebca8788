"""Collecting for tests, and what came of it in the words of apple_cases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from apple_cases import Outcome, Reaction, Skipped, Text

from ventriloquist import collect
from ventriloquist.collect import CollectSummary
from ventriloquist.sources import SOURCES
from ventriloquist.store import recorded_run

# what a run leaves that says when, not what
VOLATILE = ("runs", "_sqlite_migrations", "sqlite_sequence")


def collect_into(
    home: Path,
    chat_db: Path | None = None,
    contacts: Path | None = None,
    *,
    backup: Path | None = None,
    my_name: str | None = None,
    **options: object,
) -> CollectSummary:
    """Collect a chat.db, or a backup, as `vq collect` does."""
    asked = collect.Options(my_name, **options)  # type: ignore[arg-type]
    kind, place = ("backup", backup) if backup is not None else ("chat-db", chat_db)
    with SOURCES[kind].open(place, contacts) as source:
        with recorded_run(home, "collect", create=True, plan=lambda db: collect.plan(db, source, asked)) as run:
            run.result = summary = collect.run(run.db, source, run.plan, home=home)
        return summary


def read(home: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{home / 'ventriloquist.db'}?mode=ro", uri=True)


def dump(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table that a collect writes, but for what says when it ran."""
    connection = read(home)
    tables = [
        name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    rows = {
        table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
        for table in tables
        if table not in VOLATILE
    }
    connection.close()
    return rows


def query(home: Path, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    connection = read(home)
    found = connection.execute(sql, parameters).fetchall()
    connection.close()
    return found


def names(home: Path) -> set[str]:
    return {str(name) for (name,) in query(home, "SELECT name FROM people")}


def outcomes(home: Path) -> dict[str, Outcome]:
    """Return what became of each guid; a guid in two places is an error."""
    connection = read(home)
    people = dict(connection.execute("SELECT id, name FROM people"))
    conversations = _conversations(connection, people)
    attachments: dict[str, list[tuple[str | None, str | None, str | None]]] = {}
    for guid, *about in connection.execute(
        "SELECT message_guid, mime_type, filename, transcript FROM attachments ORDER BY message_guid, position"
    ):
        attachments.setdefault(guid, []).append(tuple(about))
    found: list[tuple[str, Outcome]] = []
    for guid, conversation, sender, text, at, edited, flags, originator, part, service, subject in connection.execute(
        "SELECT guid, conversation_id, sender_id, text, sent_at, edited, flags, thread_originator_guid, "
        "thread_originator_part, service, subject FROM text_messages"
    ):
        reply = (originator, part) if originator else None
        files = tuple(attachments.pop(guid, ()))
        row = (conversations[conversation], people.get(sender), text, at, edited, flags, reply, service, subject, files)
        found.append((guid, Text(*row)))
    assert not attachments, "attachments of no message"
    for guid, target, person, kind, emoji in connection.execute(
        "SELECT guid, target_guid, person_id, kind, emoji FROM reactions"
    ):
        found.append((guid, Reaction(target, people.get(person), kind, emoji)))
    found += [(guid, Skipped(reason)) for guid, reason in connection.execute("SELECT guid, reason FROM skipped")]
    connection.close()
    assert len(dict(found)) == len(found), "a guid in two places"
    return dict(found)


def _conversations(connection: sqlite3.Connection, people: dict[int, str]) -> dict[int, str]:
    """Name each conversation: by its title, else by who is in it."""
    (me,) = connection.execute("SELECT id FROM people WHERE is_me").fetchone()
    members: dict[int, set[int]] = {}
    for conversation, person in connection.execute("SELECT conversation_id, person_id FROM members"):
        members.setdefault(conversation, set()).add(person)
    return {
        conversation: title or _listed(people[person] for person in members[conversation] - {me}) or people[me]
        for conversation, title in connection.execute("SELECT id, title FROM conversations")
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
