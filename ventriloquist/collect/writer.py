"""Write rows of a source into the file, each into exactly one of text_messages, tapbacks and skipped."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import attrgetter

from ventriloquist.collect.conversations import ConversationIds
from ventriloquist.collect.filters import RowFilter
from ventriloquist.collect.handles import is_business, is_short_code
from ventriloquist.collect.identity import Directory
from ventriloquist.collect.names import PeopleIds
from ventriloquist.collect.tapbacks import LAST_CHARACTERS, LAST_FOUR, may_be_tapback, read_tapback
from ventriloquist.errors import SourceError
from ventriloquist.records import Progress, Source, SourceMessage, SourceRow, SourceSkipped, SourceTapback
from ventriloquist.store import Connection
from ventriloquist.store import messages as store
from ventriloquist.store.messages import Note, Place, StoredRow, Table
from ventriloquist.store.people import insert_people

BATCH = 300
ECHO_MS = 5_000

# A row skipped for one of these says nothing. It does not replace what another source says.
SAYS_NOTHING = {
    "no_chat", "empty", "undecodable", "unknown_association", "reaction_without_target", "no_date", "scheduled",
}  # fmt: skip
LEFT_OUT = {"excluded", "out_of_range"}  # by the options of a collect, which are not remembered
FINAL = "unsent"  # an unsent message stays unsent, whatever an older source has

_TABLES: dict[type, Table] = {SourceMessage: "text_messages", SourceTapback: "tapbacks", SourceSkipped: "skipped"}


@dataclass(slots=True)
class Tally:
    """What became of a source's rows. Tapbacks are counted when all rows are read."""

    messages: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    # Guids of this source among all in the file: tapbacks, and received notes to self. None: all are of this source.
    tapbacks: set[str] | None = None
    received_notes: set[str] | None = None
    tapback_texts: dict[str, bool] | None = None  # messages that read like a tapback, and whether each is new
    quoting: set[int] = field(default_factory=set)  # conversations with such messages
    added: int = 0  # messages that are new in the file
    changed: int = 0  # messages that are new or have changed
    moved: int = 0  # added messages that turned out to be tapbacks
    removed: int = 0  # messages of the file that the options now leave out


class Placer:
    """Finds the conversation and the sender of a message. People get ids in the order in which they are needed."""

    def __init__(self, directory: Directory, people: PeopleIds, conversations: ConversationIds) -> None:
        self._directory = directory
        self._people = people
        self._conversations = conversations
        self.me = people.get_or_create(directory.me)
        self._places: dict[tuple[str, str, int], Place] = {}

    def place(self, message: SourceMessage) -> Place:
        """Return a message's place."""
        key = message[2:5]  # chat, sender, whether the owner's: a slice is faster than three names
        place = self._places.get(key) or self.place_of(*key)
        if message.is_spam or message.is_failed:
            flags = ("spam" * message.is_spam, place.flags, "failed" * message.is_failed)
            return place._replace(flags=",".join(filter(None, flags)))
        return place

    def place_of(self, chat: str, handle: str, is_from_me: int) -> Place:
        """Return the place of a message in a chat from a sender."""
        conversation = self._conversations.of_chat[chat]
        partner = next(iter(conversation.chats[0].handles), "") if conversation.other is not None else ""
        place = self._places[chat, handle, is_from_me] = Place(
            self._conversations.of[conversation],
            self.person_id(chat, handle, is_from_me),
            _kind_of_sender(handle or partner),
        )
        return place

    def places(self) -> Iterable[Place]:
        """Return every place that was asked for."""
        return self._places.values()

    def person_id(self, chat: str, handle: str, is_from_me: int) -> int | None:
        """Return who wrote: the owner, the handle's person, the other person of a one-to-one chat, or None."""
        if is_from_me:
            return self.me
        if handle:
            return self._people.get_or_create(self._directory.person(handle))
        conversation = self._conversations.of_chat.get(chat)
        other = conversation.other if conversation is not None else None
        return None if other is None else self._people.get_or_create(other)

    def is_received_note(self, message: SourceMessage) -> bool:
        """Tell whether a message is a note to self as it was received."""
        other = None if message.is_from_me else self._conversations.of_chat[message.chat_guid].other
        return other is not None and other.is_me

    def write_new_people(self, db: Connection) -> None:
        """Insert the people who got an id since the last call, before rows that refer to them."""
        if new := self._people.take_new():
            insert_people(db, new)


def _kind_of_sender(handle: str) -> str:
    """Return the flag of a message from, or to, a short code or a business."""
    if is_short_code(handle):
        return "short_code"
    return "business" if is_business(handle) else ""


def write_rows(
    db: Connection, source: Source, placer: Placer, leave_out: RowFilter | None, *, is_new: bool, progress: Progress
) -> Tally:
    """Write every row of a source, a batch at a time. A file is new if nothing was ever collected into it.

    Raises:
        SourceError: two rows have one guid: the source is damaged, since its own index should have prevented that.
    """
    tally = Tally() if is_new else Tally(tapbacks=set(), received_notes=set(), tapback_texts={})
    chosen = source.rows() if leave_out is None else _chosen(source.rows(), leave_out)
    done = 0
    try:
        with store.indexes_built_last(db) if is_new else nullcontext():
            while batch := list(islice(chosen, BATCH)):
                done += len(batch)
                if not is_new:
                    batch = _reconcile(db, batch, placer, tally)
                _write(db, batch, placer, tally, update=not is_new)
                progress(done, source.total)
    except sqlite3.IntegrityError as error:
        if "guid" not in str(error):
            raise
        raise SourceError(
            f"{source.name}: the database is damaged: two rows have one guid.",
            hint="Take a fresh copy of it, or of its backup, and run the command again.",
        ) from error
    return tally


def _chosen(rows: Iterable[SourceRow], leave_out: RowFilter) -> Iterator[SourceRow]:
    for row in rows:
        reason = None if isinstance(row, SourceSkipped) else leave_out(row)
        yield SourceSkipped(row.guid, reason) if reason else row


def _write(db: Connection, batch: Iterable[SourceRow], placer: Placer, tally: Tally, *, update: bool) -> None:
    messages: list[tuple[Place, SourceMessage]] = []
    with_attachments: list[SourceMessage] = []
    tapbacks: list[SourceTapback] = []
    skipped: list[SourceSkipped] = []
    for row in batch:
        if isinstance(row, SourceMessage):
            place = placer.place(row)
            messages.append((place, row))
            if (row.text[-1:] in LAST_CHARACTERS or row.text[-4:] in LAST_FOUR) and _reads_like_tapback(row):
                tally.quoting.add(place.conversation_id)
            if row.attachments:
                with_attachments.append(row)
        elif isinstance(row, SourceTapback):
            tapbacks.append(row)
        else:
            skipped.append(row)
    placer.write_new_people(db)
    tally.changed += store.insert_messages(db, messages, update=update)
    store.insert_attachments(db, with_attachments)
    store.insert_tapbacks(db, tapbacks, update=update)
    store.insert_skipped(db, skipped)
    tally.messages += len(messages)
    tally.added += len(messages)
    tally.skipped.update(row.reason for row in skipped)


def _reconcile(db: Connection, batch: list[SourceRow], placer: Placer, tally: Tally) -> list[SourceRow]:
    """Return the rows that say something newer than the file does, and delete what they replace."""
    known = store.find_rows(db, [row.guid for row in batch])
    written: list[SourceRow] = []
    moved: dict[Table, list[str]] = {"text_messages": [], "tapbacks": [], "skipped": []}
    replaced: list[str] = []  # messages: their attachments are written anew
    for row in batch:
        before = known.get(row.guid)
        stays = before is not None and _stays(before, row)
        table = before.table if before is not None and stays else _TABLES[type(row)]
        if table == "tapbacks" and tally.tapbacks is not None:
            tally.tapbacks.add(row.guid)
        if isinstance(row, SourceMessage):
            _note_what_may_move(row, before, placer, tally)
        if not stays:
            written.append(row)
        elif table == "text_messages":
            tally.messages += 1
        elif before is not None and table == "skipped":
            tally.skipped[before.reason] += 1
        if before is not None and not stays:
            if before.table == "text_messages":
                replaced.append(row.guid)
                tally.removed += isinstance(row, SourceSkipped) and row.reason in LEFT_OUT
            if before.table != table:
                moved[before.table].append(row.guid)
            elif table == "text_messages":
                tally.added -= 1
    store.delete_attachments(db, replaced)
    for table, guids in moved.items():
        store.delete_rows(db, table, guids)
    return written


def _note_what_may_move(row: SourceMessage, before: StoredRow | None, placer: Placer, tally: Tally) -> None:
    """Note what may turn out to be no message when every row is read: received notes to self, texts of tapbacks."""
    if tally.received_notes is not None and placer.is_received_note(row):
        tally.received_notes.add(row.guid)
    if tally.tapback_texts is not None and _reads_like_tapback(row):
        tally.tapback_texts[row.guid] = before is None or before.table != "text_messages"


def _stays(before: StoredRow, row: SourceRow) -> bool:
    """Tell whether the file's row is newer than the source's, or says more."""
    if before.reason == FINAL:
        return not (isinstance(row, SourceSkipped) and row.reason == FINAL)
    if isinstance(row, SourceSkipped) and row.reason in SAYS_NOTHING:
        return before.reason not in SAYS_NOTHING
    if not isinstance(row, SourceMessage):
        return False
    if before.from_text or before.reason == "forgotten":  # its quote was found, or it was forgotten
        return _reads_like_tapback(row)
    if before.has_text and not row.text:  # a body that cannot be decoded beside an attachment
        return before.revised_at >= row.revised_at
    return before.revised_at > row.revised_at


def _reads_like_tapback(row: SourceMessage) -> bool:
    return may_be_tapback(row.text) and not row.attachments and read_tapback(row.text) is not None


def move_messages(db: Connection, placer: Placer) -> int:
    """Give every stored message its conversation and sender anew, since each source adds to what is known.

    Returns:
        How many messages have another one than before.
    """
    moves = [(*sender, *placer.place_of(*sender)[:2]) for sender in store.senders(db)]
    placer.write_new_people(db)
    return store.move_messages(db, moves)


def skip_echoes(db: Connection, notes_to_self: Collection[int], received: Collection[str] | None) -> int:
    """Skip the second copies of notes to self. Messages stores each note as sent and as received; the sent one stays.

    Reactions and replies to the received one become those of the sent one.

    Returns:
        How many of the `received` notes (guids, None for all) are copies.
    """
    sent_of = {
        echo: sent
        for conversation_id in sorted(notes_to_self)
        for _, alike in groupby(store.notes(db, conversation_id), key=attrgetter("text", "attachments"))
        for echo, sent in _received_beside_sent(list(alike))
    }
    store.move_tapbacks(db, sent_of)
    store.move_replies(db, notes_to_self, sent_of)
    _skip(db, sent_of, "echo")
    return len(sent_of) if received is None else len(sent_of.keys() & received)


def skip_copies(db: Connection, conversation_ids: Collection[int], chats: Collection[str]) -> int:
    """Skip the messages of these conversations that another download had before, and keep the reactions to them.

    Returns:
        How many of them are in these chats (guids).
    """
    copies = store.copies(db, conversation_ids) if conversation_ids else []
    store.move_tapbacks(db, {guid: first for guid, _, first in copies})
    _skip(db, [guid for guid, *_ in copies], "repeated")
    return sum(chat in chats for _, chat, _ in copies)


def _skip(db: Connection, guids: Collection[str], reason: str) -> None:
    """Skip messages that are in the file."""
    store.delete_rows(db, "text_messages", guids)
    store.delete_attachments(db, guids)
    store.insert_skipped(db, [(guid, reason) for guid in guids])


def _received_beside_sent(notes: list[Note]) -> Iterator[tuple[str, str]]:
    """Yield the guids of each note received within 5 seconds of a sent one, and of the sent one that is nearest.

    All notes have one content and are in the order of time.
    """
    sent = [note for note in notes if note.is_from_me]
    times = [note.sent_at for note in sent]
    for note in notes:
        if sent and not note.is_from_me:
            after = bisect_left(times, note.sent_at)
            nearest = min(sent[max(0, after - 1) : after + 1], key=lambda one: abs(one.sent_at - note.sent_at))
            if abs(nearest.sent_at - note.sent_at) <= ECHO_MS:
                yield note.guid, nearest.guid
