"""An exported chat archive as a source: read once into a private file, since who is who shows only at its end.

A reader is a generator of plain records; `open_archive` turns them into a `Source`. The reader of a format knows the
format and nothing else: ids of messages without one, the owner, and the rows that collect expects are made here.
"""

from __future__ import annotations

import marshal
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.errors import SettingsError, SourceError
from ventriloquist.names import fold
from ventriloquist.records import (
    Attachment,
    ContactCard,
    Source,
    SourceChat,
    SourceMessage,
    SourceRow,
    SourceSkipped,
    SourceTapback,
)
from ventriloquist.sources.export_records import Person, Reacted, Record, Said, Thread
from ventriloquist.sources.guids import Guids
from ventriloquist.store.temporary import temporary_folder
from ventriloquist.transcript import well_formed

SHOWN = 12  # names, if one must be chosen
BATCH = 1000  # records that are written to the temporary file at once
LATEST = 86_400_000 * 365 * 200  # Unix ms: a later time than this is no time
BITS = 1 << 26  # of the filter that finds ids which may occur twice: eight megabytes
LONGEST_NAME = 200  # characters of a name or title that are kept
DIGITS = 7  # at least, by which a number is recognised
_SAID, _REACTED, _SKIPPED = range(3)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_NUMBER = re.compile(r"[\s\d+().\-/\u00a0\u2010-\u2015\u200e\u200f\u202a-\u202f\u2066-\u2069]*")


@dataclass
class Archive:
    """What was learnt of an archive while it was read."""

    source: str  # the format's name, a key of records.APPLICATIONS
    people: dict[str, Person] = field(default_factory=dict)
    threads: dict[str, Thread] = field(default_factory=dict)
    senders: dict[str, dict[str, int]] = field(default_factory=dict)  # by thread: how much each has written
    reactors: dict[str, dict[str, None]] = field(default_factory=dict)  # by thread
    newest: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    twice: set[int] = field(default_factory=set)  # hashes of ids that may occur twice

    def handle(self, person_id: str) -> str:
        """Return what collect knows somebody by: a number or address, else an id within this source."""
        person = self.people.get(person_id)
        return well_formed(person.number if person and person.number else f"{self.source}:{person_id}")

    def ids_beside(self, person_id: str) -> tuple[str, ...]:
        """Return the id within this source of somebody who is known by a number, unless it is made of the number."""
        handle = self.handle(person_id)
        id = well_formed(f"{self.source}:{person_id}")
        return () if id == handle or handle.removeprefix("+") in id else (id,)

    def name(self, person_id: str) -> str:
        """Return what the source calls somebody; empty if that is only a number."""
        person = self.people.get(person_id)
        name = _short(person.name) if person else ""
        return "" if _NUMBER.fullmatch(name) else name

    def members(self, thread_id: str) -> dict[str, None]:
        """Return the ids of everybody in a chat: those it lists, those who write, and those who react."""
        thread = self.threads[thread_id]
        return dict.fromkeys((*thread.members, *self.senders.get(thread_id, ()), *self.reactors.get(thread_id, ())))

    def everybody(self) -> dict[str, None]:
        """Return the ids of everybody in any chat."""
        return dict.fromkeys(person for thread in self.threads for person in self.members(thread))


def _short(name: str) -> str:
    """Return a name in one line of bounded length, without control characters: it stands in every transcript."""
    plain = _CONTROL.sub(" ", well_formed(name[: LONGEST_NAME * 4])).strip()
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1].rstrip()}…"


@contextmanager
def open_archive(
    source: str,
    name: str,
    records: Iterable[Record],
    home: Path,
    *,
    me: str | Sequence[str] | None = None,
    owner: Sequence[str] = (),
    notes: list[str] | None = None,
) -> Iterator[Source]:
    """Read an archive into a temporary file in VQ_HOME, and yield it as a source.

    Args:
        source: the format's name, such as `telegram`.
        name: what it is and where, for people.
        records: of the format's reader.
        me: the owner's name in it, or several that it may be, if the user says so.
        owner: names and numbers by which the owner is known already.
        notes: what the reader has to say; it may fill the list while it reads.

    Raises:
        SourceError: it cannot be read, or holds no messages.
        SettingsError: nobody can tell who the owner is.
    """
    archive = Archive(source)
    notes = [] if notes is None else notes
    with temporary_folder(home) as folder, (folder / "rows").open("w+b") as spool:
        _read(archive, records, spool)
        if not archive.rows:
            raise _empty(name)
        owners = _owners(archive, name, (me,) if isinstance(me, str) else me or (), owner, notes)
        _name_partners(archive, owners)

        def rows() -> Iterator[SourceRow]:
            yield from _rows(archive, owners, spool)

        yield Source(
            name=name,
            total=archive.rows,
            chats=[_chat(archive, thread, owners) for thread in archive.threads],
            handles=[archive.handle(person) for person in archive.everybody() if person not in owners],
            person_hints=(),
            owner_identifiers={
                archive.handle(person): sum(senders.get(person, 0) for senders in archive.senders.values())
                for person in owners
            },
            cards=_cards(archive, owners),
            notes=[*notes],
            rows=rows,
        )


def _read(archive: Archive, records: Iterable[Record], spool: BinaryIO) -> None:
    """Sort what a reader yields: people and threads into the archive, everything else into the spool."""
    batch: list[tuple[Any, ...]] = []
    twice = archive.twice
    seen = bytearray(BITS >> 3)  # a hash that comes again finds its bit set
    for record in records:
        if isinstance(record, Said):
            batch.append(_said(archive, record))
            key = hash(record[:2]) if record[1] else None
        elif isinstance(record, Person):
            archive.people[record.id] = record
            continue
        elif isinstance(record, Thread):
            archive.threads[record.id] = record
            continue
        elif isinstance(record, Reacted):
            archive.reactors.setdefault(record.thread, {})[record.sender] = None
            batch.append((_REACTED, *record))
            key = hash((record.thread, record.target, record.sender, record.emoji))
        else:
            batch.append((_SKIPPED, *record))
            key = hash(record[:2]) if record[1] else None
        if key is not None:
            byte, bit = (key & (BITS - 1)) >> 3, 1 << (key & 7)
            if seen[byte] & bit:
                twice.add(key)
            else:
                seen[byte] |= bit
        if len(batch) == BATCH:
            archive.rows += BATCH
            _write(batch, spool)
            batch.clear()
    archive.rows += len(batch)
    _write(batch, spool)
    for thread in (*archive.senders, *archive.reactors):  # a reader should have given each
        archive.threads.setdefault(thread, Thread(thread, "group"))


def _said(archive: Archive, record: Said) -> tuple[Any, ...]:
    """Count a message, and return it as the spool has it."""
    thread, id, sender, sent_at = record[:4]
    if not 0 < sent_at < LATEST:
        return _SKIPPED, thread, id, "no_date"
    senders = archive.senders.get(thread)
    if senders is None:
        senders = archive.senders[thread] = {}
    senders[sender] = senders.get(sender, 0) + 1
    if sent_at > archive.newest.get(thread, 0):
        archive.newest[thread] = sent_at
    return (_SAID, *record)


def _write(batch: list[tuple[Any, ...]], spool: BinaryIO) -> None:
    data = marshal.dumps(batch)
    spool.write(len(data).to_bytes(8, "little"))
    spool.write(data)


def _batches(spool: BinaryIO) -> Iterator[list[tuple[Any, ...]]]:
    """Read what `_write` wrote. `marshal.load` would ask the file for every number and string: ten times as slow."""
    spool.seek(0)
    while size := spool.read(8):
        yield marshal.loads(spool.read(int.from_bytes(size, "little")))  # noqa: S302  # this process wrote it


def _rows(archive: Archive, owners: frozenset[str], spool: BinaryIO) -> Iterator[SourceRow]:
    source, twice = archive.source, archive.twice
    guid_of = Guids(source)
    seen: set[int] = set()  # of `twice`
    places: dict[tuple[str, str], tuple[str, str, int]] = {}  # chat, handle, and whether the owner's
    new = tuple.__new__  # a third of the time of NamedTuple's own
    for number, record in enumerate(chain.from_iterable(_batches(spool)), 1):
        kind, thread, id, sender = record[:4]
        if kind == _SKIPPED:
            reason = sender
            key = hash((thread, id))
            is_own = id and key not in seen  # a message may have this id
            if is_own and key in twice:
                seen.add(key)
            yield SourceSkipped(guid_of(thread, id) if is_own else guid_of.next(thread, reason), reason)
            continue
        found = places.get((thread, sender))
        if found is None:
            who = ("", 1) if sender in owners else (archive.handle(sender), 0)
            found = places[thread, sender] = (_chat_guid(source, thread), *who)
        chat, handle, is_me = found
        if twice and (id or kind == _REACTED):
            key = hash((thread, id)) if kind == _SAID else hash((thread, id, sender, record[5]))
            if key in seen:
                yield SourceSkipped(guid_of.next(thread, "repeated"), "repeated")
                continue
            if key in twice:
                seen.add(key)
        if kind == _REACTED:
            sent_at, emoji = record[4], well_formed(record[5])
            guid = guid_of(thread, f"{id} {sender} {emoji}")
            yield SourceTapback(guid, number, chat, handle, is_me, sent_at, guid_of(thread, id), "emoji", emoji, 0)
            continue
        _, _, _, _, sent_at, text, reply_to, edited_at, media = record
        guid = guid_of(thread, id) if id else guid_of.of_content(thread, sender, sent_at, text, media)
        target = guid_of(thread, reply_to) if reply_to else ""
        attachments = tuple([Attachment(mime, file, kind=kind) for kind, mime, file in media]) if media else ()
        yield new(SourceMessage, (
            guid, number, chat, handle, is_me, sent_at, text if text.isascii() else well_formed(text), target, "",
            1 if edited_at else 0, edited_at, source, "", attachments, False, False,
        ))  # fmt: skip


def _chat_guid(source: str, thread: str) -> str:
    return f"{source}:{thread if thread.isascii() else well_formed(thread)}"


def _chat(archive: Archive, id: str, owners: frozenset[str]) -> SourceChat:
    thread = archive.threads[id]
    handles = dict.fromkeys(archive.handle(member) for member in archive.members(id) if member not in owners)
    is_direct = thread.type == "dm" and len(handles) < 2
    return SourceChat(
        _chat_guid(archive.source, id), "dm" if is_direct else "group",
        None if is_direct else _short(thread.title) or None, None, tuple(handles), archive.newest.get(id, 0),
        source=archive.source,
    )  # fmt: skip


def _name_partners(archive: Archive, owners: frozenset[str]) -> None:
    """List whom a chat of two is with by its title, if only the owner has written in it so far."""
    own = {fold(name) for person in owners for name in (person, archive.name(person))}
    for id, thread in archive.threads.items():
        is_untold = thread.type == "dm" and thread.title and not thread.members
        if is_untold and fold(thread.title) not in own and owners.issuperset(archive.members(id)):
            archive.threads[id] = thread._replace(members=(thread.title,))
            archive.people.setdefault(thread.title, Person(thread.title, thread.title))


def _cards(archive: Archive, owners: frozenset[str]) -> list[ContactCard]:
    """Return what the source calls everybody in its chats, as one card for each handle.

    A card has the id beside the number, since another export of the source may know the id alone.
    """
    cards = {
        handle: ContactCard(
            archive.source, handle, 0, name, "", "", "", (handle, *archive.ids_beside(person)), person in owners
        )
        for person in dict.fromkeys((*archive.everybody(), *owners))
        if (name := archive.name(person)) and (handle := archive.handle(person))
    }
    return [*cards.values()]


def _owners(archive: Archive, about: str, me: Sequence[str], owner: Sequence[str], notes: list[str]) -> frozenset[str]:
    """Return the ids under which the owner writes.

    The user's word counts first, then what the source says, then who is called like the owner so far, then who is in
    every chat.

    Raises:
        SettingsError: nobody or several people may be the owner.
        SourceError: nobody has written.
    """
    called = {person: _called(archive, person) for person in dict.fromkeys((*archive.people, *archive.everybody()))}
    marked = frozenset(person.id for person in archive.people.values() if person.is_me)
    named, known = (
        [id for id, names in called.items() if not names.isdisjoint(map(_comparable, wanted))] for wanted in (me, owner)
    )
    if len(named) == 1 or (named and marked.issuperset(named)):
        return frozenset(named)
    if named:
        raise SettingsError(
            f"Several people in {about} are called {me[0]!r}.",
            hint=f"Say which one is you with --me ID, one of: {', '.join(map(repr, sorted(named)[:SHOWN]))}",
        )
    found = marked or frozenset(known if len(known) == 1 else () if me else _everywhere(archive))
    if me and found:
        names = ", ".join(filter(None, map(archive.name, sorted(found))))
        if names:
            notes.append(f"{about} knows nobody called {me[0]!r}: {names} is taken as you.")
        else:  # it knows which messages are the owner's, and not the name
            archive.people.update({id: archive.people[id]._replace(name=me[0]) for id in found & marked})
    if found:
        return found
    if not archive.everybody():
        raise _empty(about)
    shown = ", ".join(repr(archive.name(person) or person) for person in [*archive.everybody()][:SHOWN])
    hint = f"Say it with --me NAME, one of: {shown}"
    if me and (_is_unanswered(archive) or {*map(_comparable, me)} & {*map(_comparable, owner)}):
        notes.append(f"You have not written in {about}: nobody in it is called {me[0]!r}.")
        archive.people[me[0]] = Person(me[0], me[0])
        return frozenset(me[:1])
    if owner:
        hint += f". If you have not written in it: --me {owner[0]!r}"
    if me:
        raise SettingsError(f"Nobody in {about} is called {me[0]!r}.", hint=hint)
    raise SettingsError(f"{about} does not say who you are.", hint=hint)


def _empty(about: str) -> SourceError:
    return SourceError(f"{about} holds no messages.", hint="Check that the export is complete.")


def _everywhere(archive: Archive) -> set[str]:
    """Return who is in every chat, if that is one person and there are several chats."""
    members = [{*senders, *archive.threads[id].members} for id, senders in archive.senders.items()]
    found = set.intersection(*members) if len(members) > 1 else set()
    return found if len(found) == 1 else set()


def _is_unanswered(archive: Archive) -> bool:
    """Tell whether only those have written after whom their chats of two are called: then nobody is the owner."""
    return all(
        thread.type == "dm"
        and thread.title
        and all(thread.title in (who, archive.name(who)) for who in archive.members(id))
        for id, thread in archive.threads.items()
    )


def _called(archive: Archive, id: str) -> set[str]:
    """Return all that somebody may be called by, as `_comparable` returns it."""
    person = archive.people.get(id, Person(id))
    return {_comparable(name) for name in (id, f"{archive.source}:{id}", person.name, person.number) if name}


def _comparable(name: str) -> str:
    """Return the form in which names and numbers are compared."""
    digits = "".join(filter(str.isdecimal, name))
    return f"+{digits}" if len(digits) >= DIGITS and _NUMBER.fullmatch(name) else fold(name)
