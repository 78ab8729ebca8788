"""Write conversations of the cast as WhatsApp and Telegram export them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ventriloquist.demo.cast import CAST, OWNER, TELEGRAM_IDS, WHATSAPP_CONTACTS
from ventriloquist.demo.expected import Expected
from ventriloquist.demo.history import SECOND_MS, Said
from ventriloquist.demo.script import PHOTO
from ventriloquist.records import ReactionKind

ZONE = "Etc/UTC"  # of the times in the exports
MARK = "\u200e"  # an iPhone puts it before what WhatsApp says itself

TAPBACK_EMOJI: Mapping[ReactionKind, str] = {
    "love": "❤", "like": "👍", "dislike": "👎", "laugh": "😁", "emphasize": "🔥", "question": "🤔",
}  # fmt: skip


def write_whatsapp(history: Sequence[Said], folder: Path) -> tuple[Path, Expected]:
    """Write a group as the zip that an iPhone exports without media. It has no replies and no reactions."""
    title = history[0].conversation.title or ""
    expected = Expected()
    begin = history[0].at - SECOND_MS
    lines = [
        _line(begin, title, f"{MARK}Messages and calls are end-to-end encrypted.", MARK),
        _line(begin, title, f"{MARK}You created this group", MARK),
    ]
    expected.events = len(lines)
    for said in history:
        name = _whatsapp_name(said.speaker)
        if said.unsent_first is not None:
            deleted = "You deleted this message." if said.speaker == "R" else "This message was deleted."
            lines.append(_line(said.at - SECOND_MS, name, f"{MARK}{deleted}", MARK))
            expected.unsent += 1
        if said.text == PHOTO:
            lines.append(_line(said.at, name, f"{MARK}image omitted", MARK))
        else:
            edited = f" {MARK}<This message was edited>" if said.edited_from is not None else ""
            lines.append(_line(said.at, name, said.text + edited))
        expected.count(said)
    expected.rows = len(lines)
    path = folder / f"WhatsApp Chat - {title}.zip"
    with zipfile.ZipFile(path, "w") as archive:  # ZipInfo: every file is from 1980, so that a seed makes the same bytes
        archive.writestr(zipfile.ZipInfo("_chat.txt"), "".join(f"{line}\r\n" for line in lines))
    return path, expected


def _line(at: int, name: str, text: str, mark: str = "") -> str:
    return f"{mark}[{datetime.fromtimestamp(at // SECOND_MS, UTC):%Y-%m-%d, %H:%M:%S}] {name}: {text}"


def _whatsapp_name(initial: str) -> str:
    """Return a name, or the number of somebody who is not a contact, as an iPhone writes it."""
    if initial in WHATSAPP_CONTACTS:
        return CAST[initial].name
    digits = CAST[initial].addresses[0].handle.removeprefix("+1")
    return f"\u202a+1 ({digits[:3]}) {digits[3:6]}\u2011{digits[6:]}\u202c"


def write_telegram(history: Sequence[Said], folder: Path) -> tuple[Path, Expected]:
    """Write a chat of two as Telegram Desktop exports an account, with the numbers of its contacts."""
    expected = Expected(rows=len(history))
    numbers = {said: number for number, said in enumerate(history, 1)}
    messages = []
    for said, number in numbers.items():
        message = {"id": number, "type": "message", **_telegram_time("date", said.at), **_telegram_sender(said.speaker)}
        if said.edited_from is not None:
            message |= _telegram_time("edited", said.at + 30 * SECOND_MS)
        if said.reply_to is not None:
            message["reply_to_message_id"] = numbers[said.reply_to]
            expected.replies += 1
        if said.text == PHOTO:
            message |= {"photo": f"photos/photo_{number}.jpg", "width": 1280, "height": 960}
        message["text"] = "" if said.text == PHOTO else said.text
        if reactions := _telegram_reactions(said):
            message["reactions"] = reactions
            expected.reactions += len(reactions)
        messages.append(message)
        expected.count(said)
    expected.rows += expected.reactions
    partner = history[0].conversation.initials[1]
    chat = {
        "name": CAST[partner].name, "type": "personal_chat", "id": TELEGRAM_IDS[partner], "messages": messages,
    }  # fmt: skip
    account = {
        "about": "Here is the data you requested.",
        "personal_information": _telegram_contact("R", OWNER.phone),
        "contacts": {"list": [_telegram_contact(partner, CAST[partner].addresses[0].handle)]},
        "chats": {"list": [chat]},
    }
    path = folder / "Telegram" / "result.json"
    path.parent.mkdir()
    path.write_text(json.dumps(account, ensure_ascii=False, indent=1), encoding="utf-8")
    return path, expected


def _telegram_contact(initial: str, number: str) -> dict[str, object]:
    return {
        "user_id": TELEGRAM_IDS[initial], "first_name": CAST[initial].name, "last_name": "", "phone_number": number,
    }  # fmt: skip


def _telegram_sender(initial: str) -> dict[str, str]:
    return {"from": CAST[initial].name, "from_id": f"user{TELEGRAM_IDS[initial]}"}


def _telegram_time(key: str, at: int) -> dict[str, object]:
    seconds = at // SECOND_MS
    return {key: datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S"), f"{key}_unixtime": str(seconds)}


def _telegram_reactions(said: Said) -> list[dict[str, object]]:
    """Return the reactions that stand."""
    return [
        {
            "type": "emoji",
            "count": 1,
            "emoji": emoji or TAPBACK_EMOJI[kind],
            "recent": [_telegram_sender(by) | {"date": str(_telegram_time("date", at)["date"])}],
        }
        for by, at, kind, emoji, until in said.tapbacks
        if until is None
    ]


WRITERS: Mapping[str, Callable[[Sequence[Said], Path], tuple[Path, Expected]]] = {
    "whatsapp": write_whatsapp,
    "telegram": write_telegram,
}
