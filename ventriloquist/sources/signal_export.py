"""What signal-export (`sigexport`) writes of Signal Desktop: a data.json in the folder of each chat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.sources.export_records import Media, Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.json_stream import JsonStream
from ventriloquist.sources.signal import Sent
from ventriloquist.transcript import well_formed

ME = "Me"
NOBODY = "No-Sender"  # of events, and of messages by people who are no contacts
NOTES_TO_SELF = ("NotetoSelf", "Note to Self")
REMEMBERED = 50_000  # texts to which a reply may be found
_AFTER_BODY = "  "  # put behind every text for Markdown
_YEAR_1971 = 31_536_000_000  # a message without a date has that of 1970
_CALL = re.compile(r"(?:Incoming|Outgoing|Missed) (?:voice |video |group )?call(?: \([^()]{1,60}\))?\Z")


def read_signal_export(file: BinaryIO, path: Path, title: str, zone: tzinfo) -> Iterator[Record]:
    """Yield what a data.json holds: the messages of one chat, an object on each line, or one array of them.

    Args:
        title: the name of the chat's folder.
        zone: of the times, which are those of the machine that wrote it.

    Raises:
        SourceError: it is damaged.
    """
    chat = _Chat(title, zone)
    stream = JsonStream(file, path)
    if stream.peek() == "[":
        for message in stream.values():
            yield from chat.message(message)
    else:
        while stream.peek():
            yield from chat.message(stream.value())
    yield from chat.end()


class _Chat:
    def __init__(self, title: str, zone: tzinfo) -> None:
        self.title, self._zone = title, zone
        self._senders: dict[str, None] = {}
        self._has_spaces: bool | None = None  # behind every text; None: no text was read yet
        self._sent: dict[str, Sent] = {}  # by sender
        self._texts: dict[str, str] = {}  # → the message's id; empty: of several
        self._older_texts: dict[str, str] = {}
        self._skipped: Counter[str] = Counter()

    def message(self, found: Any) -> Iterator[Record]:
        if not isinstance(found, dict):
            yield self._skip("undecodable")
            return
        given = found.get("reactions")
        reactions = given if isinstance(given, list) else []
        said, reason = self._said(found)
        if said is None:
            yield self._skip(reason)
            for _ in reactions:
                yield self._skip("reaction_without_target")
            return
        if said.sender not in self._senders:
            self._senders[said.sender] = None
            yield Person(said.sender, said.sender, is_me=said.sender == ME)
        yield said
        self._remember(said)
        seen = set()
        for reaction in reactions:
            who, emoji = _reaction(reaction)
            who = self._reactor(who)
            if not who or not emoji:
                yield self._skip("undecodable")
            elif (who, emoji) in seen:
                yield self._skip("reaction_superseded")
            else:
                seen.add((who, emoji))
                yield Reacted(self.title, said.id, who, said.sent_at, emoji)

    def end(self) -> Iterator[Record]:
        """Yield the chat: a group, if others wrote than the one whose name it has."""
        others = [sender for sender in self._senders if sender != ME]
        if any(other != self.title for other in others):
            yield Thread(self.title, "group", self.title)
            return
        if not others and self.title not in NOTES_TO_SELF:
            yield Person(self.title, self.title)
        yield Thread(self.title, "dm", "", () if self.title in NOTES_TO_SELF else (self.title,))

    def _said(self, message: dict[str, Any]) -> tuple[Said | None, str]:
        sender, text, media = _text(message.get("sender")), self._body(message.get("body")), _media(message)
        sent_at = self._ms(message.get("date"))
        if message.get("deleted") is True:
            return None, "unsent"
        if message.get("call") is True or ("call" not in message and not media and _CALL.match(text)):
            return None, "call"
        if sent_at is None or not (text or media):
            return None, "no_date" if sent_at is None else "empty"
        if not sender or sender == NOBODY:
            return None, "no_sender"
        before = self._sent.setdefault(sender, Sent()).before(sent_at, (text, media))
        if before is None:
            return None, "repeated"
        id = f"{sent_at} {sender}" + (f" {before + 1}" if before else "")
        edits = message.get("edits")
        edited_at = 1 if isinstance(edits, list) and edits else 0
        return Said(self.title, id, sender, sent_at, text, self._target(message.get("quote")), edited_at, media), ""

    def _body(self, value: object) -> str:
        """Return a text without the two spaces that follow each."""
        text = _text(value)
        if self._has_spaces is None and text:
            self._has_spaces = text.endswith(_AFTER_BODY)
        return text.removesuffix(_AFTER_BODY) if self._has_spaces else text

    def _remember(self, said: Said) -> None:
        """Keep a text for replies to it; the oldest are forgotten."""
        if said.text:
            self._texts[said.text] = "" if self._found(said.text) is not None else said.id
        if len(self._texts) >= REMEMBERED:
            self._older_texts, self._texts = self._texts, {}

    def _found(self, text: str) -> str | None:
        return self._texts.get(text, self._older_texts.get(text))

    def _target(self, value: object) -> str:
        """Return the one message before this one that has the quoted text. Texts have lost their backticks."""
        quote = _text(value).strip("\n").removeprefix(">\n").removesuffix("\n>")  # older versions frame it so
        quote = quote.removeprefix("> ").replace("\n> ", "\n").replace("`", "")
        return self._found(quote) or "" if quote else ""

    def _reactor(self, who: str) -> str:
        """Return who reacted: in a chat of two, whoever is not the other is the owner, whose own name this is."""
        is_of_two = bool(self._senders) and all(sender in (ME, self.title) for sender in self._senders)
        if who in NOTES_TO_SELF or (is_of_two and self.title in self._senders and who and who != self.title):
            return ME
        return who

    def _ms(self, value: object) -> int | None:
        if type(value) is int:
            at = value
        else:
            try:
                moment = datetime.fromisoformat(value) if isinstance(value, str) else None
                if moment is None:
                    return None
                at = round((moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).timestamp() * 1000)
            except (ValueError, OverflowError):
                return None
        return at if _YEAR_1971 < at < 1 << 53 else None

    def _skip(self, reason: str) -> Skipped:
        self._skipped[reason] += 1
        return Skipped(self.title, f"{reason} {self._skipped[reason]}", reason)


def _media(message: dict[str, Any]) -> Media:
    files = message.get("attachments")
    found: Media = tuple(
        (None, None, _text(file.get("name")) or _text(file.get("path")) or None) if isinstance(file, dict)
        else (None, None, None)
        for file in (files if isinstance(files, list) else ())
    )  # fmt: skip
    return (*found, ("sticker", None, None)) if message.get("sticker") else found


def _reaction(value: object) -> tuple[str, str]:
    """Return who reacted with what: a pair, or in other versions an object."""
    if isinstance(value, dict):
        return _text(value.get("name")), _text(value.get("emoji"))
    who, emoji = value if isinstance(value, list) and len(value) == 2 else ("", "")
    return _text(who), _text(emoji)


def _text(value: object) -> str:
    return well_formed(value) if isinstance(value, str) else ""
