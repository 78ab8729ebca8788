"""An exported chat archive as a source: read once into a private file, since who is who shows only at its end.

A reader is a generator of plain records; `open_archive` turns them into a `Source`. The reader of a format knows the
format and nothing else: ids of messages without one, the owner, and the rows that collect expects are made here.
"""

from __future__ import annotations

import marshal
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

from ventriloquist.errors import SettingsError, SourceError
from ventriloquist.media import MediaKind
from ventriloquist.names import fold
from ventriloquist.records import (
    Attachment,
    Source,
    SourceChat,
    SourceMessage,
    SourceRow,
    SourceSkipped,
    SourceTapback,
)
from ventriloquist.store.temporary import temporary_folder

SHOWN = 12  # names, where one must be chosen


class Person(NamedTuple):
    """Somebody who writes, by the id that the source gives them."""

    id: str
    name: str = ""
    number: str = ""  # a telephone number or an address, if the source has one
    is_me: bool = False


class Thread(NamedTuple):
    """A chat. It may be given again: the last one holds."""

    id: str
    type: Literal["dm", "group"]
    title: str = ""
    members: tuple[str, ...] = ()  # ids of people, beside those who write


# kind, MIME type and file name; None is unknown
Media = tuple[tuple[MediaKind | None, str | None, str | None], ...]


class Said(NamedTuple):
    """A message."""

    thread: str
    id: str  # empty: the source has none
    sender: str  # a person's id
    sent_at: int  # Unix ms, UTC
    text: str
    reply_to: str = ""  # a message's id
    edited_at: int = 0  # Unix ms; 1: edited, unknown when
    media: Media = ()


class Reacted(NamedTuple):
    """A reaction to a message that stands."""

    thread: str
    target: str  # a message's id
    sender: str
    sent_at: int
    emoji: str


class Skipped(NamedTuple):
    """A record that is neither."""

    thread: str
    id: str
    reason: str  # a key of records.SKIPPED


Record = Person | Thread | Said | Reacted | Skipped


@dataclass
class Archive:
    """What was learnt of an archive while it was read."""

    source: str  # the format's name
    people: dict[str, Person] = field(default_factory=dict)
    threads: dict[str, Thread] = field(default_factory=dict)
    senders: dict[str, dict[str, int]] = field(default_factory=dict)  # by thread: how much each has written
    newest: dict[str, int] = field(default_factory=dict)
    rows: int = 0

    def handle(self, person_id: str) -> str:
        """Return what collect knows somebody by: a number or address, else an id within this source."""
        person = self.people.get(person_id)
        return person.number if person and person.number else f"{self.source}:{person_id}"


@contextmanager
def open_archive(
    source: str, name: str, records: Iterable[Record], home: Path, *, me: str | None = None, notes: Iterable[str] = ()
) -> Iterator[Source]:
    """Read an archive into a temporary file in VQ_HOME, and yield it as a source.

    Args:
        source: the format's name, such as `telegram`.
        name: what it is and where, for people.
        records: of the format's reader.
        me: the owner's name in it, if the user says so.
        notes: what the reader has to say once it has read; it may be a list that the reader fills.

    Raises:
        SourceError: it cannot be read, or holds no messages.
        SettingsError: nobody can tell who the owner is.
    """
    archive = Archive(source)
    with temporary_folder(home) as folder, (folder / "rows").open("w+b") as spool:
        _read(archive, records, spool)
        if not archive.rows:
            raise SourceError(f"{name} holds no messages.", hint="Check that the export is complete.")
        owners = _owners(archive, me)

        def rows() -> Iterator[SourceRow]:
            spool.seek(0)
            yield from _rows(archive, owners, spool)

        yield Source(
            name=name,
            total=archive.rows,
            chats=[_chat(archive, thread, owners) for thread in archive.threads],
            handles=[archive.handle(person) for person in _seen(archive) if person not in owners],
            person_hints=(),
            owner_identifiers={
                archive.handle(person): sum(senders.get(person, 0) for senders in archive.senders.values())
                for person in owners
            },
            cards=None,
            notes=[*notes],
            rows=rows,
        )


def _read(archive: Archive, records: Iterable[Record], spool: BinaryIO) -> None:
    """Sort what a reader yields: people and threads into the archive, everything else into the spool."""
    dump = marshal.dump
    for record in records:
        if isinstance(record, Said):
            thread, _, sender, sent_at, *_ = record
            senders = archive.senders.setdefault(thread, {})
            senders[sender] = senders.get(sender, 0) + 1
            if sent_at > archive.newest.get(thread, 0):
                archive.newest[thread] = sent_at
            dump(("s", *record), spool)
        elif isinstance(record, Person):
            archive.people[record.id] = record
            continue
        elif isinstance(record, Thread):
            archive.threads[record.id] = record
            continue
        else:
            dump(("r" if isinstance(record, Reacted) else "x", *record), spool)
        archive.rows += 1


def _rows(archive: Archive, owners: frozenset[str], spool: BinaryIO) -> Iterator[SourceRow]:
    repeats: Counter[bytes] = Counter()
    handles: dict[str, tuple[str, int]] = {}
    load = marshal.load
    for number in range(1, archive.rows + 1):
        kind, thread, *values = load(spool)
        chat = f"{archive.source}:{thread}"
        if kind == "x":
            id, reason = values
            yield SourceSkipped(_guid(archive.source, thread, id or f"row {number}"), reason)
            continue
        sender = values[1]
        if sender not in handles:
            handles[sender] = ("", 1) if sender in owners else (archive.handle(sender), 0)
        handle, is_me = handles[sender]
        if kind == "r":
            target, _, sent_at, emoji = values
            guid = _guid(archive.source, thread, f"{target} {sender} {emoji}")
            of_whom = (guid, number, chat, handle, is_me, sent_at)
            yield SourceTapback(*of_whom, _guid(archive.source, thread, target), "emoji", emoji, 0)
            continue
        id, _, sent_at, text, reply_to, edited_at, media = values
        yield SourceMessage(
            _guid(archive.source, thread, id) if id else _guid_of_content(archive.source, values, thread, repeats),
            number,
            chat,
            handle,
            is_me,
            sent_at,
            text,
            _guid(archive.source, thread, reply_to) if reply_to else "",
            "",
            1 if edited_at else 0,
            edited_at,
            archive.source,
            "",
            tuple(Attachment(mime, file, kind=kind) for kind, mime, file in media),
            False,
            False,
        )


def _guid(source: str, thread: str, id: str) -> str:
    digest = blake2b(f"{thread}\0{id}".encode("utf-8", "surrogatepass"), digest_size=16)
    return f"{source}:{digest.hexdigest()}"


def _guid_of_content(source: str, values: list[Any], thread: str, repeats: Counter[bytes]) -> str:
    """Return an id made of sender, minute and text, and of how many equal ones came before: a newer export has more."""
    _, sender, sent_at, text, _, _, media = values
    key = f"{thread}\0{sender}\0{sent_at // 60_000}\0{text}\0{media}".encode("utf-8", "surrogatepass")
    digest = blake2b(key, digest_size=16).digest()
    repeats[digest] += 1
    return f"{source}:{blake2b(digest + str(repeats[digest]).encode(), digest_size=16).hexdigest()}"


def _chat(archive: Archive, id: str, owners: frozenset[str]) -> SourceChat:
    thread = archive.threads[id]
    members = dict.fromkeys((*thread.members, *archive.senders.get(id, ())))
    handles = tuple(archive.handle(member) for member in members if member not in owners)
    title = thread.title or None
    return SourceChat(
        f"{archive.source}:{id}", thread.type, title if thread.type == "group" else None, None, handles,
        archive.newest.get(id, 0),
    )  # fmt: skip


def _seen(archive: Archive) -> list[str]:
    seen = dict.fromkeys(person for senders in archive.senders.values() for person in senders)
    return [*seen]


def _owners(archive: Archive, me: str | None) -> frozenset[str]:
    """Return the ids under which the owner writes: as the user says, as the source says, or who is in every chat.

    Raises:
        SettingsError: several people may be the owner.
    """
    names = {person: archive.people[person].name or person for person in archive.people}
    if me is not None:
        found = frozenset(person for person, name in names.items() if fold(me) in (fold(name), fold(person)))
        if found:
            return found
    elif found := frozenset(person.id for person in archive.people.values() if person.is_me):
        return found
    else:
        members = [{*senders, *archive.threads[id].members} for id, senders in archive.senders.items()]
        everywhere = set.intersection(*members) if members else set()
        if len(everywhere) == 1 and len(members) > 1:
            return frozenset(everywhere)
    shown = ", ".join(repr(names.get(person, person)) for person in _seen(archive)[:SHOWN])
    raise SettingsError(
        f"Nobody in this source is called {me!r}."
        if me is not None
        else "The source does not say who you are.",
        hint=f"Say it with --me NAME, one of: {shown}",
    )
