"""Exports of other applications, damaged at random: each is read, or refused in two lines.

    python tests/hostile_exports.py --files 2000

Prints how many were read and refused, and the most CPU time that one took.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import chat_exports
from chat_exports import OWNER, Sent
from hostile import mutate

from ventriloquist.errors import VentriloquistError
from ventriloquist.sources.exports import Asked, open_export

SECONDS = 5.0  # of CPU, for one file; a damaged one takes some milliseconds
HISTORY = [
    Sent(
        OWNER if number % 3 else "Ann",
        f"message {number} 😂 «naïve» \u202f👩\u200d👧",
        1_684_144_800_000 + number * 61_000,
    )
    for number in range(40)
]
ANDROID = [sent._replace(sender=OWNER if sent.sender == OWNER else "+15550102030") for sent in HISTORY]
MMS = (
    '<mms date="1684144800000" msg_box="1" address="+15550102030~+15550104050" m_id="7" contact_name="Ann, Bo"><parts>'
    f'<part seq="0" ct="image/png" cl="a.png" data="{"QUJD" * 500}"/>'
    '<part seq="0" ct="text/plain" text="look &#55357;&#56846;"/></parts><addrs>'
    '<addr address="+15550102030" type="137"/><addr address="+15550199999" type="151"/></addrs></mms>'
)
_ATTRIBUTE = re.compile(r'(?<==)"[^"]*"')
_ODD: tuple[Any, ...] = (
    None,
    [],
    {},
    [1],
    [[None]],
    {"a": {}},
    -1,
    1e300,
    10**30,
    True,
    "",
    "null",
    "🦊",
    "9" * 30,
    "\0",
)


def replace_values(data: bytes, rng: random.Random) -> bytes:
    """Return an export in which some values are odd ones, and which is JSON or XML still."""
    text = data.decode()
    if text.startswith("<"):
        return _ATTRIBUTE.sub(lambda found: f'"{rng.choice(_ODD)}"' if rng.random() < 0.02 else found[0], text).encode()
    if not text.startswith(("{", "[")):
        return mutate(data, rng)
    lines = text.splitlines() if text.startswith('{"version"') else [text]
    documents = [json.loads(line) for line in lines]
    places = [place for document in documents for place in _places(document)]
    for container, key in rng.sample(places, min(len(places), rng.randint(1, 8))):
        container[key] = rng.choice(_ODD)
    return "\n".join(json.dumps(document, indent=1 if len(lines) == 1 else None) for document in documents).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each place in a JSON value that holds another."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield value, key
        yield from _places(one)


def _whatsapp(folder: Path) -> Path:
    path = folder / "WhatsApp Chat with Ann.txt"
    lines = (f"15/05/2023, {10 + n // 60}:{n % 60:02} - {sent.sender}: {sent.text}\n" for n, sent in enumerate(HISTORY))
    path.write_text("".join(lines), encoding="utf-8")
    return path


def _android(folder: Path) -> Path:
    path = chat_exports.android(ANDROID, folder)
    path.write_text(path.read_text(encoding="utf-8").replace("</smses>", MMS + "</smses>"), encoding="utf-8")
    return path


def _account(folder: Path) -> Path:
    path = chat_exports.telegram(HISTORY, folder, control=False)
    chat = json.loads(path.read_text(encoding="utf-8"))
    about = {"user_id": 1, "first_name": OWNER}
    whole = {"about": "", "personal_information": about, "chats": {"about": "", "list": [chat, chat]}}
    path.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    return path


def _sigexport(folder: Path) -> Path:
    path = folder / "Ann" / "data.json"
    path.parent.mkdir(exist_ok=True)
    said = [
        {"date": "2023-05-15T10:00:00", "sender": sent.sender, "body": sent.text, "quote": "", "sticker": "",
         "reactions": [["Ann", "😂"]], "attachments": []}
        for sent in HISTORY
    ]  # fmt: skip
    path.write_text(json.dumps(said), encoding="utf-8")
    return path


def _zip(folder: Path) -> Path:
    path = folder / "WhatsApp Chat - Ann.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(_whatsapp(folder), "_chat.txt")
    return path


def _messenger(folder: Path) -> Path:
    return next(chat_exports.messenger(HISTORY, folder, parts=1).rglob("*.json"))


# by name: the format, and what writes a sound file
WRITERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "android": ("android", _android),
    "discord": ("discord", lambda folder: chat_exports.discord(HISTORY, folder)),
    "messenger": ("messenger", _messenger),
    "signal": ("signal", lambda folder: chat_exports.signal(HISTORY, folder)),
    "signal-export": ("signal", _sigexport),
    "telegram": ("telegram", lambda folder: chat_exports.telegram(HISTORY, folder)),
    "telegram account": ("telegram", _account),
    "whatsapp": ("whatsapp", _whatsapp),
    "zip": ("whatsapp", _zip),
}


def read_mutated_exports(count: int, *, seed: int = 0) -> tuple[Counter[str], float]:
    """Read so many damaged files; return how many were read and refused, and the most CPU-seconds that one took.

    Half of them are read by the name of their format, half are recognised.
    """
    rng = random.Random(seed)
    found: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        for number in range(count):
            kind = [*WRITERS][number % len(WRITERS)]
            format, write = WRITERS[kind]
            folder = Path(temporary) / "export"
            folder.mkdir(exist_ok=True)
            path = write(folder)
            sound = path.read_bytes()
            chance = rng.random()
            if chance < 0.05:
                path.write_bytes(rng.randbytes(rng.randint(0, 4000)))
            else:
                is_binary = path.suffix == ".zip" or chance < 0.4
                path.write_bytes(mutate(sound, rng) if is_binary else replace_values(sound, rng))
            begin = time.process_time()
            try:
                with open_export(
                    rng.choice((None, format)), path, Path(temporary) / "home", Asked(ZoneInfo("UTC"), OWNER)
                ) as source:
                    rows = list(source.rows())
            except VentriloquistError as error:
                if "\n" in error.what or not error.hint:
                    raise AssertionError(f"{kind} {number}: {error.what!r}") from error
                found["refused"] += 1
            except Exception as error:
                raise AssertionError(f"{kind}, file {number} of seed {seed}") from error
            else:
                if len(rows) != source.total or len({row.guid for row in rows}) != len(rows):
                    raise AssertionError(f"{kind} {number}: {source.total} rows, of which {len(rows)} came")
                found["read"] += 1
            slowest = max(slowest, time.process_time() - begin)
            if slowest > SECONDS:
                raise AssertionError(f"{kind}, file {number} of seed {seed}: {slowest:.1f} s")
    return found, slowest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found, slowest = read_mutated_exports(arguments.files, seed=arguments.seed)
    print(f"{found['read']:,} read, {found['refused']:,} refused; the slowest took {slowest:.3f} CPU-seconds")


if __name__ == "__main__":
    main()
