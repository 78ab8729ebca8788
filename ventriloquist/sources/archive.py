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
from itertools import chain
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

SHOWN = 12  # names, if one must be chosen
BATCH = 1000  # records that are written to the temporary file at once
LONGEST_GUID = 100  # characters; a longer one is replaced by a hash
_SAID, _REACTED, _SKIPPED = range(3)


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
    batch: list[tuple[Any, ...]] = []
    senders_of, newest = archive.senders, archive.newest
    for record in records:
        kind = type(record)
        if kind is Said:
            thread, _, sender, sent_at, _, _, _, _ = record
            senders = senders_of.get(thread)
            if senders is None:
                senders = senders_of[thread] = {}
            senders[sender] = senders.get(sender, 0) + 1
            if sent_at > newest.get(thread, 0):
                newest[thread] = sent_at
            batch.append((_SAID, *record))
        elif isinstance(record, Person):
            archive.people[record.id] = record
            continue
        elif isinstance(record, Thread):
            archive.threads[record.id] = record
            continue
        else:
            batch.append((_REACTED if kind is Reacted else _SKIPPED, *record))
        if len(batch) == BATCH:
            archive.rows += BATCH
            _write(batch, spool)
            batch.clear()
    archive.rows += len(batch)
    _write(batch, spool)


def _write(batch: list[tuple[Any, ...]], spool: BinaryIO) -> None:
    data = marshal.dumps(batch)
    spool.write(len(data).to_bytes(8, "little") + data)


def _batches(spool: BinaryIO) -> Iterator[list[tuple[Any, ...]]]:
    """Read what `_write` wrote. `marshal.load` would ask the file for every number and string: ten times as slow."""
    spool.seek(0)
    while size := spool.read(8):
        yield marshal.loads(spool.read(int.from_bytes(size, "little")))  # noqa: S302  # our own file


def _rows(archive: Archive, owners: frozenset[str], spool: BinaryIO) -> Iterator[SourceRow]:
    source = archive.source
    repeats: Counter[bytes] = Counter()
    handles: dict[str, tuple[str, int]] = {}
    chats: dict[str, str] = {}
    new = tuple.__new__  # a third of the time of NamedTuple's own
    number = 0
    for record in chain.from_iterable(_batches(spool)):
        number += 1
        kind, thread, id = record[:3]
        if kind == _SKIPPED:
            yield SourceSkipped(guid_of(source, thread, id or f"row {number}"), record[3])
            continue
        sender = record[3]
        found = handles.get(sender)
        if found is None:
            found = handles[sender] = ("", 1) if sender in owners else (archive.handle(sender), 0)
        handle, is_me = found
        chat = chats.get(thread) or chats.setdefault(thread, f"{source}:{thread}")
        if kind == _REACTED:
            _, _, _, _, sent_at, emoji = record
            guid = guid_of(source, thread, f"{id} {sender} {emoji}")
            target = guid_of(source, thread, id)
            yield SourceTapback(guid, number, chat, handle, is_me, sent_at, target, "emoji", emoji, 0)
            continue
        _, _, _, _, sent_at, text, reply_to, edited_at, media = record
        guid = guid_of(source, thread, id) if id else _guid_of_content(source, record[1:], repeats)
        yield new(SourceMessage, (
            guid, number, chat, handle, is_me, sent_at, text, guid_of(source, thread, reply_to) if reply_to else "", "",
            1 if edited_at else 0, edited_at, source, "",
            tuple([Attachment(mime, file, kind=kind) for kind, mime, file in media]) if media else (), False, False,
        ))  # fmt: skip


def guid_of(source: str, thread: str, id: str) -> str:
    """Return what a message is known by among those of all sources."""
    guid = f"{source}:{thread}:{id}"
    if len(guid) <= LONGEST_GUID and guid.isascii() and guid.isprintable():
        return guid
    return f"{source}:{blake2b(guid.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def _guid_of_content(source: str, said: tuple[Any, ...], repeats: Counter[bytes]) -> str:
    """Return an id made of sender, minute and text, and of how many equal ones came before: a newer export has more."""
    thread, _, sender, sent_at, text, _, _, media = said
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
        f"Nobody in this source is called {me!r}." if me is not None else "The source does not say who you are.",
        hint=f"Say it with --me NAME, one of: {shown}",
    )
