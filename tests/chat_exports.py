"""Histories as other applications would export them, written for these tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

OWNER = "Me"


class Sent(NamedTuple):
    """A message of a history."""

    sender: str
    text: str
    at: int  # Unix ms


def telegram(history: Sequence[Sent], folder: Path, *, control: bool = True) -> Path:
    """Write a chat as Telegram Desktop does: control characters as `\\x0B`."""
    people = {OWNER: "user1", **{name: f"user{777 + n}" for n, name in enumerate(_others(history))}}
    messages = [
        {
            "id": number, "type": "message", "date": _iso(sent.at), "date_unixtime": str(sent.at // 1000),
            "from": sent.sender, "from_id": people[sent.sender], "text": sent.text,
        }
        for number, sent in enumerate(history, 1)
    ]  # fmt: skip
    chat = {"name": "Ann", "type": "private_group", "id": 777, "messages": messages}
    text = json.dumps(chat, ensure_ascii=False, indent=1)
    path = folder / "result.json"
    path.write_text(_with_hex_escapes(text) if control else text, encoding="utf-8")
    return path


def discord(history: Sequence[Sent], folder: Path) -> Path:
    messages = [
        {
            "id": str(number), "type": "Default", "timestamp": _iso(sent.at) + "+00:00", "timestampEdited": None,
            "content": sent.text, "author": {"id": _number(sent.sender), "name": sent.sender, "isBot": False},
            "attachments": [], "stickers": [], "reactions": [],
        }
        for number, sent in enumerate(history, 1)
    ]  # fmt: skip
    export = {
        "guild": {"id": "0"},
        "channel": {"id": "9", "type": "GuildTextChat", "name": "talk"},
        "messages": messages,
    }
    return _json(folder / "talk.json", export)


def signal(history: Sequence[Sent], folder: Path) -> Path:
    people = [OWNER, *_others(history)]
    frames: list[dict[str, Any]] = [{"version": "1"}, {"account": {"givenName": OWNER}}]
    for number, name in enumerate(people, 1):
        about = {"self": {}} if name == OWNER else {"contact": {"profileGivenName": name}}
        frames.append({"recipient": {"id": str(number), **about}})
    frames.append({"recipient": {"id": "99", "group": {"snapshot": {"title": {"title": "Talk"}}}}})
    frames.append({"chat": {"id": "7", "recipientId": "99"}})
    for sent in history:
        author = str(people.index(sent.sender) + 1)
        item = {
            "chatId": "7",
            "authorId": author,
            "dateSent": str(sent.at),
            "standardMessage": {"text": {"body": sent.text}},
        }
        frames.append({"chatItem": item})
    path = folder / "main.jsonl"
    path.write_text("".join(json.dumps(frame, ensure_ascii=False) + "\n" for frame in frames), encoding="utf-8")
    return path


def messenger(history: Sequence[Sent], folder: Path, *, parts: int = 2) -> Path:
    """Write a thread as the download does: UTF-8 read as Latin-1, newest first, in numbered parts."""
    people = [{"name": _spoilt(name)} for name in (OWNER, *_others(history))]
    messages = [
        {"sender_name": _spoilt(sent.sender), "timestamp_ms": sent.at, "content": _spoilt(sent.text)}
        for sent in reversed(history)
    ]
    inbox = folder / "download" / "your_activity_across_facebook" / "messages" / "inbox" / "talk_123"
    inbox.mkdir(parents=True, exist_ok=True)
    size = max(1, -(-len(messages) // parts))
    for number, start in enumerate(range(0, len(messages), size), 1):
        thread = {"participants": people, "messages": messages[start : start + size], "title": "Talk"}
        (inbox / f"message_{number}.json").write_text(json.dumps(thread), encoding="ascii")
    return folder / "download"


def android(history: Sequence[Sent], folder: Path) -> Path:
    """Write SMS as the application does: characters beyond the BMP as two references."""
    lines = ["<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>", f'<smses count="{len(history)}">']
    for sent in history:
        kind = 2 if sent.sender == OWNER else 1
        lines.append(
            f'<sms protocol="0" address="+15550102030" date="{sent.at}" type="{kind}" subject="null" '
            f'body={_attribute(sent.text)} read="1" contact_name={quoteattr("Ann")} />'
        )
    path = folder / "sms.xml"
    path.write_text("\n".join([*lines, "</smses>\n"]), encoding="utf-8")
    return path


def _attribute(text: str) -> str:
    escaped = quoteattr(text, {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
    return "".join(char if char <= "\uffff" else _two_references(char) for char in escaped)


def _two_references(char: str) -> str:
    data = char.encode("utf-16-be")
    return "".join(f"&#{int.from_bytes(data[place : place + 2])};" for place in (0, 2))


def _with_hex_escapes(text: str) -> str:
    for code in range(0x20):
        text = text.replace(f"\\u{code:04x}", f"\\x{code:02X}")
    return text


def _spoilt(text: str) -> str:
    return text.encode().decode("latin-1")


def _others(history: Iterable[Sent]) -> list[str]:
    return sorted({sent.sender for sent in history} - {OWNER})


def _number(name: str) -> str:
    return str(sum(ord(char) << place for place, char in enumerate(name)))


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _json(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path
