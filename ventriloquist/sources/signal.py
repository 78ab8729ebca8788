"""Signal's plaintext export: main.jsonl, one frame of Signal's backup format in JSON on each line."""

from __future__ import annotations

import json
from array import array
from base64 import b64decode
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from ventriloquist.errors import SourceError
from ventriloquist.media import MediaKind
from ventriloquist.sources.export_records import Media, Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.transcript import well_formed

MOST_LINE_BYTES = 1 << 26
MOST_TEXT_BYTES = 1 << 20  # of a message whose text is a file of its own
SELF = "self"
_MENTION = "\ufffc"  # stands in a text where somebody is mentioned
_AROUND = " \t\r\n\ufeff"  # a line may have these around its value
_decode = json.JSONDecoder(strict=False).raw_decode
# Each kind of message that a person writes, and why the others are not in the file
_WRITTEN = (
    "standardMessage", "stickerMessage", "contactMessage", "viewOnceMessage", "directStoryReplyMessage",
    "paymentNotification",
)  # fmt: skip
_NOT_WRITTEN = {
    "remoteDeletedMessage": "unsent", "adminDeletedMessage": "unsent", "poll": "poll", "giftBadge": "event",
}  # fmt: skip


def read_signal(file: BinaryIO, path: Path, folder: Path | None = None) -> Iterator[Record]:
    """Yield what a main.jsonl holds. The numbers in it hold for this file only: ids are made of what lasts.

    Args:
        folder: where its `files` lie, with the whole text of very long messages; None: nowhere.

    Raises:
        SourceError: it is damaged.
    """
    export = _Export(folder)
    for frame in _frames(file, path):
        if "chatItem" in frame:
            yield from export.item(frame["chatItem"])
        elif "recipient" in frame:
            yield from export.recipient(_dict(frame["recipient"]))
        elif "chat" in frame:
            yield from export.chat(_dict(frame["chat"]))
        elif "account" in frame:
            account = _dict(frame["account"])
            export.own_name = _joined(account, "givenName", "familyName")


def _frames(file: BinaryIO, path: Path) -> Iterator[dict[str, Any]]:
    """Decode each line. A line break within a string belongs to it: some exports write it as it is."""
    pending = b""
    while line := file.readline(MOST_LINE_BYTES):
        pending = pending + line if pending else line
        text = pending.decode("utf-8", "replace").strip(_AROUND)
        if not text:
            pending = b""
            continue
        try:
            frame, end = _decode(text)
            if end < len(text):
                raise json.JSONDecodeError("Extra data", "", end)  # noqa: TRY301  # answered as other damage is
        except json.JSONDecodeError as error:
            if error.msg.startswith("Unterminated string") and len(pending) < MOST_LINE_BYTES:
                continue
            if not line.endswith(b"\n") and len(pending) < MOST_LINE_BYTES:
                raise _cut_off(path) from None
            raise SourceError(f"{path} is damaged: a line is not JSON.", hint="Export it again.") from None
        except RecursionError:
            raise SourceError(f"{path} is damaged: it is nested too deeply.", hint="Export it again.") from None
        pending = b""
        if isinstance(frame, dict):
            yield frame
    if pending.strip():
        raise _cut_off(path)


def _cut_off(path: Path) -> SourceError:
    return SourceError(f"{path} ends within a line.", hint="Copy it again, whole.")


class Sent:
    """What somebody sent in a chat: sixteen bytes a message, to tell its copies from others of the same time."""

    def __init__(self) -> None:
        self._times, self._contents = array("q"), array("q")

    def before(self, at: int, content: tuple[str, Media]) -> int | None:
        """Remember a message. Return how many others of the same time came before it; None: it is a copy."""
        times, contents, key = self._times, self._contents, hash(content)
        if not times or at > times[-1]:
            times.append(at)
            contents.append(key)
            return 0
        begin, end = bisect_left(times, at), bisect_right(times, at)
        if key in contents[begin:end]:
            return None
        times.insert(end, at)
        contents.insert(end, key)
        return end - begin


class _Export:
    """Who and what the frames that follow refer to by number."""

    def __init__(self, folder: Path | None) -> None:
        self.own_name = ""
        self._folder = folder
        self._people: dict[str, str] = {}  # a recipient's number → a person's id
        self._names: dict[str, str] = {}  # a person's id → a name
        self._of_aci: dict[str, str] = {}  # an account's identifier → a person's id
        self._groups: dict[str, tuple[str, str, tuple[str, ...]]] = {}  # a number → id, title, members
        self._programs: set[str] = set()  # numbers of what is not a person
        self._threads: dict[str, tuple[str, str]] = {}  # a chat's number → a thread's id, and whom it is with
        self._sent: dict[tuple[str, str], Sent] = {}  # by thread and sender
        self._first_sent: dict[tuple[str, str, int], int] = {}  # of edited messages: each later time → the first one
        self._skipped: dict[str, int] = {}  # how many of a kind, by thread

    def recipient(self, recipient: dict[str, Any]) -> Iterator[Record]:
        number = _number(recipient.get("id"))
        if "self" in recipient:
            self._people[number] = SELF
            self._names[SELF] = self.own_name
            yield Person(SELF, self.own_name, is_me=True)
        elif "group" in recipient:
            self._groups[number] = self._group(_dict(recipient["group"]), number)
        elif "contact" in recipient:
            person = self._contact(_dict(recipient["contact"]), number)
            self._people[number] = person.id
            self._names[person.id] = person.name
            yield person
        else:
            self._programs.add(number)

    def _contact(self, contact: dict[str, Any], number: str) -> Person:
        nickname = _dict(contact.get("nickname"))
        name = (
            _joined(nickname, "given", "family")
            or _joined(contact, "nicknameGivenName", "nicknameFamilyName")
            or _joined(contact, "systemGivenName", "systemFamilyName")
            or _joined(contact, "profileGivenName", "profileFamilyName")
            or _joined(contact, "systemNickname")
            or _joined(contact, "username")
        )
        digits = str(_whole(contact.get("e164")) or "")
        aci, pni = _uuid(contact.get("aci")), _uuid(contact.get("pni"))
        id = aci or (f"+{digits}" if digits else pni and f"PNI:{pni}") or name
        if not id or (id == name and id in self._names):
            id = f"{name} {number}".strip()
        if aci:
            self._of_aci[aci] = id
        return Person(id, name, f"+{digits}" if digits else "")

    def _group(self, group: dict[str, Any], number: str) -> tuple[str, str, tuple[str, ...]]:
        snapshot = _dict(group.get("snapshot"))
        title = _text(_dict(snapshot.get("title")).get("title")) or _text(group.get("name"))
        key = _text(group.get("masterKey"))  # a secret, which is not stored
        id = blake2b(key.encode(), digest_size=12).hexdigest() if key else title or number
        members = (_uuid(_dict(member).get("userId")) for member in _list(snapshot.get("members")))
        return f"group {id}", title, tuple(self._of_aci[aci] for aci in members if aci in self._of_aci)

    def chat(self, chat: dict[str, Any]) -> Iterator[Record]:
        number, other = _number(chat.get("id")), _number(chat.get("recipientId"))
        if other in self._groups:
            id, title, members = self._groups[other]
            self._threads[number] = (id, "")
            yield Thread(id, "group", title, members)
        elif (person := self._people.get(other)) is not None:
            self._threads[number] = (person, person)
            yield Thread(person, "dm", "", (person,))

    def item(self, item: Any) -> Sequence[Record]:
        """Return a message with its reactions, or why it is not one."""
        if not isinstance(item, dict):
            return [self._skip("", "undecodable")]
        thread, other = self._threads.get(_number(item.get("chatId")), ("", ""))
        kind = "standardMessage" if "standardMessage" in item else next((kind for kind in _WRITTEN if kind in item), "")
        message = _dict(item.get(kind or "poll"))
        said, reason = self._said(item, kind, message, thread, other)
        if said is None:
            without_target = [self._skip(thread, "reaction_without_target") for _ in _list(message.get("reactions"))]
            return [self._skip(thread, reason), *without_target]
        if "reactions" in message:
            return [said, *self._reactions(said, _list(message["reactions"]))]
        return [said]

    def _said(
        self, item: dict[str, Any], kind: str, message: dict[str, Any], thread: str, other: str
    ) -> tuple[Said | None, str]:
        """Return a message, or None and why it is none."""
        author, latest = _number(item.get("authorId")), _ms(item.get("dateSent"))
        sender = self._people.get(author) or (SELF if "outgoing" in item else other)
        text, media = self._text_of(kind, message), _media(kind, message)
        is_sound = kind and thread and sender and latest and (text or media)
        if not is_sound or author in self._programs or ("outgoing" in item and _all_failed(item["outgoing"])):
            return None, (
                ("bot" if author in self._programs else "")
                or ("" if thread else "no_chat")
                or ("" if kind else _why_not(item))
                or ("" if sender else "no_sender")
                or ("" if latest else "no_date")
                or ("failed" if "outgoing" in item and _all_failed(item["outgoing"]) else "")
                or ("event" if kind == "paymentNotification" else "empty")
            )
        sent_at = latest or 0
        revisions: list[int] = []
        if "revisions" in item:
            revisions = [at for one in _list(item["revisions"]) if (at := _ms(_dict(one).get("dateSent")))]
        if revisions:
            sent_at = min(sent_at, *revisions)
            for at in (*revisions, latest or 0):
                self._first_sent[thread, sender, at] = sent_at
        sent = self._sent.get((thread, sender))
        if sent is None:
            sent = self._sent[thread, sender] = Sent()
        before = sent.before(sent_at, (text, media))
        if before is None:
            return None, "repeated"
        id = f"{sent_at} {sender} {before + 1}" if before else f"{sent_at} {sender}"
        target = self._target(_dict(message["quote"]), thread) if "quote" in message else ""
        return Said(thread, id, sender, sent_at, text, target, (latest or 0) if revisions else 0, media), ""

    def _text_of(self, kind: str, message: dict[str, Any]) -> str:
        if kind == "paymentNotification":
            return _text(message.get("note"))
        if kind == "directStoryReplyMessage":
            if emoji := _text(message.get("emoji")):
                return emoji
            message = _dict(message.get("textReply"))
        about = _dict(message.get("text"))
        body = _text(about.get("body"))
        if "longText" in message:
            body = _whole_text(_dict(message["longText"]), self._folder, body)
        return self._mentions(body, _list(about.get("bodyRanges"))) if _MENTION in body else body

    def _mentions(self, body: str, ranges: list[Any]) -> str:
        """Put the names of those who are mentioned where they stand; places count in UTF-16."""
        units = body.encode("utf-16-le")
        for place in sorted((_dict(place) for place in ranges), key=lambda place: -(_whole(place.get("start")) or 0)):
            start = 2 * (_whole(place.get("start")) or 0)
            name = self._names.get(self._of_aci.get(_uuid(place.get("mentionAci")), ""))
            if name and units[start : start + 2] == _MENTION.encode("utf-16-le"):
                units = units[:start] + f"@{name}".encode("utf-16-le") + units[start + 2 :]
        return units.decode("utf-16-le")

    def _target(self, quote: dict[str, Any], thread: str) -> str:
        """Return the id of the message that is quoted: who wrote it, and when it was first sent."""
        at, author = _ms(quote.get("targetSentTimestamp")), self._people.get(_number(quote.get("authorId")), "")
        return f"{self._first_sent.get((thread, author, at), at)} {author}" if at and author else ""

    def _reactions(self, said: Said, reactions: list[Any]) -> Iterator[Record]:
        seen = set()
        for found in reactions:
            reaction = _dict(found)
            who, emoji = self._people.get(_number(reaction.get("authorId"))), _text(reaction.get("emoji"))
            if not who or not emoji:
                yield self._skip(said.thread, "undecodable")
            elif (who, emoji) in seen:
                yield self._skip(said.thread, "reaction_superseded")
            else:
                seen.add((who, emoji))
                yield Reacted(said.thread, said.id, who, _ms(reaction.get("sentTimestamp")) or said.sent_at, emoji)

    def _skip(self, thread: str, reason: str) -> Skipped:
        """Return a skipped record. Its id counts those of its kind, so that a newer export adds only the new."""
        key = f"{thread} {reason}"
        self._skipped[key] = number = self._skipped.get(key, 0) + 1
        return Skipped(thread, f"{reason} {number}", reason)


def _why_not(item: dict[str, Any]) -> str:
    for kind, reason in _NOT_WRITTEN.items():
        if kind in item:
            return reason
    update = _dict(item.get("updateMessage"))
    return "call" if "individualCall" in update or "groupCall" in update else "event"


def _all_failed(outgoing: object) -> bool:
    found = _list(_dict(outgoing).get("sendStatus"))
    return bool(found) and all("failed" in _dict(status) for status in found)


def _media(kind: str, message: dict[str, Any]) -> Media:
    if kind == "stickerMessage":
        data = _dict(_dict(message.get("sticker")).get("data"))
        return (("sticker", _text(data.get("contentType")) or None, None),)
    if kind == "contactMessage":
        return (("file", None, None),)
    if kind == "viewOnceMessage":
        return (_file(message["attachment"]),) if isinstance(message.get("attachment"), dict) else ()
    found = message.get("attachments")
    return tuple(map(_file, found)) if isinstance(found, list) else ()


def _file(found: object) -> tuple[MediaKind | None, str | None, str | None]:
    attachment = _dict(found)
    pointer = _dict(attachment.get("pointer"))
    kind: MediaKind | None = "voice" if attachment.get("flag") in ("VOICE_MESSAGE", 1) else None
    return kind, _text(pointer.get("contentType")) or None, _text(pointer.get("fileName")) or None


def _whole_text(pointer: dict[str, Any], folder: Path | None, body: str) -> str:
    """Return the text of a very long message, of which the message itself has only the beginning."""
    about = _dict(pointer.get("locatorInfo"))
    plain = _bytes(about.get("plaintextHash"))
    if folder is None or not plain:
        return body
    for key in ("localKey", "key"):
        name = sha256(plain + _bytes(about.get(key))).hexdigest()
        for path in (folder / "files" / name[:2]).glob(f"{name}*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MOST_TEXT_BYTES:
                text = path.read_bytes().decode("utf-8", "replace")
                return text if text.startswith(body) else body
    return body


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return well_formed(value) if isinstance(value, str) else ""


def _joined(about: dict[str, Any], *keys: str) -> str:
    return " ".join(filter(None, (_text(about.get(key)).strip() for key in keys)))


def _number(value: object) -> str:
    """Return a number that frames refer to: JSON has it as a string, older exports as a number."""
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _whole(value: object) -> int | None:
    if type(value) is int:
        return value
    if isinstance(value, str) and len(value) < 20 and value.isascii():
        return int(value) if value.removeprefix("+").isdigit() else None
    return None


def _ms(value: object) -> int | None:
    at = _whole(value)
    return at if at is not None and 0 < at < 1 << 53 else None


def _bytes(value: object) -> bytes:
    """Return bytes, which JSON has in base 64, of either alphabet."""
    if not isinstance(value, str) or not value.isascii():
        return b""
    try:
        return b64decode(value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4), validate=True)
    except ValueError:
        return b""


def _uuid(value: object) -> str:
    """Return an account's identifier, empty if it is none."""
    found = _bytes(value)
    return str(UUID(bytes=found)) if len(found) == 16 else ""
