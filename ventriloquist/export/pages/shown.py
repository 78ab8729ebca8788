"""What a page shows of a conversation, in words: the same for every format."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from ventriloquist.clock import EPOCH, MILLISECOND, day_reader, local_time
from ventriloquist.records import APPLICATIONS, ReactionKind
from ventriloquist.store import Connection, collected
from ventriloquist.store.collected import CollectedConversation, CollectedReaction, ReadableMessage
from ventriloquist.transcript import UNKNOWN, attachment_placeholder, quote

PAGE_MESSAGES = 10_000  # a conversation with more gets a page for each year: browsers are slow with longer ones
NAME_CHARACTERS = 40  # of a conversation's name in the name of its file

_SIGNS: dict[ReactionKind, str] = {
    "love": "❤️", "like": "👍", "dislike": "👎", "laugh": "😂", "emphasize": "‼️", "question": "❓",
}  # fmt: skip
_NOTES = {"failed": "not delivered", "spam": "marked as spam"}  # by flag
_NOT_IN_NAMES = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that another one answers."""

    name: str
    text: str  # shortened
    id: int
    page: str | None  # the file it is in, without its ending; None: in no file of this conversation


@dataclass(frozen=True, slots=True)
class Shown:
    """A message on a page."""

    id: int
    name: str
    is_me: bool
    day: str  # local ISO date
    time: str  # local, HH:MM
    moment: str  # ISO with the offset from UTC
    subject: str
    text: str
    attachments: tuple[str, ...]  # `[photo]`, `[file: menu.pdf]`
    answers: Quote | None
    reactions: tuple[tuple[str, str], ...]  # a sign and a name
    notes: tuple[str, ...]  # such as `edited`


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a conversation: all of it, or a year."""

    stem: str  # the name of its file, without its ending
    year: str  # empty: all years


@dataclass(frozen=True, slots=True)
class Book:
    """A conversation and its pages."""

    conversation: CollectedConversation
    title: str
    about: str  # its kind and application, and who is in a group
    pages: tuple[Page, ...]
    zone: ZoneInfo


def book(db: Connection, conversation: CollectedConversation, names: Mapping[int, str], zone: ZoneInfo) -> Book:
    """Decide which pages a conversation gets, and what they are called."""
    title = conversation.name(names)
    stem = f"{conversation.id}-{_for_a_file(title)}".rstrip("-")
    pages = [Page(stem, "")]
    if conversation.messages > PAGE_MESSAGES:
        years = _years(db, conversation.id, day_reader(zone))
        pages = [Page(f"{stem}-{year}", year) for year in sorted(years)]
    members = ", ".join(sorted(names[member] for member in conversation.members))
    application = APPLICATIONS.get(conversation.source, conversation.source)
    about = f"Group in {application}: {members}" if conversation.type == "group" else f"One-to-one in {application}"
    return Book(conversation, title, about, tuple(pages), zone)


def _years(db: Connection, conversation_id: int, day: Callable[[int], str]) -> Counter[str]:
    return Counter(day(sent_at)[:4] for sent_at in collected.times(db, conversation_id))


def _for_a_file(title: str) -> str:
    """Return a title as part of a file name: letters and digits of any script, and hyphens between them."""
    plain = _NOT_IN_NAMES.sub("-", unicodedata.normalize("NFC", title).casefold()).strip("-_")
    while len(plain) > NAME_CHARACTERS or len(plain.encode()) > 2 * NAME_CHARACTERS:
        plain = plain[:-1].rstrip("-_")
    return plain


def read(db: Connection, shown: Book, names: Mapping[int, str]) -> Iterator[Shown]:
    """Yield the messages of a conversation, in order."""
    day = day_reader(shown.zone)

    def name(id: int | None) -> str:
        return UNKNOWN if id is None else names[id]

    def page_of(sent_at: int) -> str:
        year = day(sent_at)[:4]
        return next(page.stem for page in shown.pages if page.year in ("", year))

    for message in collected.readable_messages(db, shown.conversation.id):
        answers = None
        if message.originator_guid and (target := collected.find_message(db, message.originator_guid)):
            files = _attachments(db, target.guid) if target.has_attachments else ()
            said = quote(target.text or "") or " ".join(files)
            is_here = target.conversation_id == shown.conversation.id
            answers = Quote(name(target.sender_id), said, target.id, page_of(target.sent_at) if is_here else None)
        yield Shown(
            id=message.id,
            name=name(message.sender_id),
            is_me=bool(message.is_me),
            day=day(message.sent_at),
            time=local_time(message.sent_at, shown.zone),
            moment=_moment(message.sent_at, shown.zone),
            subject=message.subject or "",
            text=message.text or "",
            attachments=_attachments(db, message.guid) if message.has_attachments else (),
            answers=answers,
            reactions=tuple(
                (_sign(reaction), name(reaction.person_id)) for reaction in collected.reactions_to(db, message.guid)
            )
            if message.has_reactions
            else (),
            notes=_notes(message),
        )


def heading(day: str) -> str:
    """Return a local date as a heading: `Friday, 15 March 2024`."""
    when = date.fromisoformat(day)
    return f"{when:%A}, {when.day} {when:%B} {when.year}"


def _attachments(db: Connection, guid: str) -> tuple[str, ...]:
    return tuple(
        attachment_placeholder(one.mime_type, one.filename, one.transcript, one.kind)
        for one in collected.attachments(db, guid)
    )


def _sign(reaction: CollectedReaction) -> str:
    if reaction.kind == "sticker":
        return "[sticker]"
    return _SIGNS.get(reaction.kind) or quote(reaction.emoji or "") or "?"


def _notes(message: ReadableMessage) -> tuple[str, ...]:
    flags = message.flags.split(",")
    return (*(["edited"] if message.edited else []), *(note for flag, note in _NOTES.items() if flag in flags))


def _moment(sent_at: int, zone: ZoneInfo) -> str:
    try:
        return (EPOCH + sent_at * MILLISECOND).astimezone(zone).isoformat(timespec="seconds")
    except OverflowError:  # the sender's clock was wrong by millennia
        return ""
