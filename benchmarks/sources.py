"""Measure the speed and memory of reading other applications' exports, beside a plain parse of the same file.

    python benchmarks/sources.py [--messages 200000] [--formats telegram,android] [--large GB]

For each format, in a fresh process each, the script prints as a table

- messages per CPU-second from the file to the rows that collect takes, and the peak memory,
- messages per CPU-second of a plain parse: `json.load`, `json.loads` for each line (Signal), `iterparse` (Android,
  after the surrogates are joined, since it refuses them), `split` into lines (WhatsApp),
- the ratio of the two, and the microseconds that a message takes,
- for WhatsApp and Messenger the same beside what the usual scripts do: see `usual`.

With `--large`, it writes one Telegram and one Android file of that size instead, and prints the memory of reading them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import re
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from xml.etree.ElementTree import iterparse
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import chat_exports
from chat_exports import OWNER, Sent
from peak_memory import in_a_process

from ventriloquist.records import SourceMessage
from ventriloquist.sources.exports import Asked, open_export

_TEXT = "ok sure see you later tonight what the dog did again lol no way im on my way call me 😂 café naïve haha"
WORDS = _TEXT.split()
PART = 10_000  # messages of a file in Messenger's download
START_MS = 1_684_144_800_000
FORMATS = ("android", "discord", "messenger", "signal", "telegram", "whatsapp")


def history(format: str, messages: int, *, seed: int = 0) -> list[Sent]:
    rng = random.Random(seed)
    names = [OWNER, "+15550102030"] if format == "android" else [OWNER, "Ann", "Zoë 🦊"]
    at, said = START_MS, []
    for _ in range(messages):
        at += 1000 * rng.randint(1, 1000)
        said.append(Sent(rng.choice(names), " ".join(rng.choices(WORDS, k=rng.randint(1, 24))), at))
    return said


def write(format: str, messages: int, folder: Path) -> Path:
    """Write a history of so many messages in a format; return what a user would name."""
    said = history(format, messages)
    if format == "messenger":
        download: Path = chat_exports.messenger(said, folder, parts=-(-messages // PART))
        return download
    if format != "whatsapp":
        found: Path = getattr(chat_exports, format)(said, folder)
        return found
    path = folder / "WhatsApp Chat with Talk.txt"
    with path.open("w", encoding="utf-8") as file:
        for sent in said:
            at = time.strftime("%d/%m/%Y, %H:%M", time.gmtime(sent.at / 1000))
            file.write(f"{at} - {sent.sender}: {sent.text}\n")
    return path


def read(format: str, path: Path, home: Path) -> tuple[float, int]:
    """Return the CPU-seconds from the file to the rows, and how many messages there are."""
    marked = format in ("android", "signal")  # the file says who the owner is
    asked = Asked(ZoneInfo("UTC"), None if marked else OWNER)
    begin = time.process_time()
    with open_export(format, path, home, asked) as source:
        count = sum(isinstance(row, SourceMessage) for row in source.rows())
    return time.process_time() - begin, count


def parse(format: str, path: Path, _home: Path) -> tuple[float, int]:
    """Return the CPU-seconds of a plain parse, and how many things it found."""
    files = [path] if path.is_file() else sorted(path.rglob("*.json"))
    if format == "android":
        plain = path.with_suffix(".plain")
        plain.write_bytes(re.sub(rb"&#5\d{4};&#5\d{4};", "😂".encode(), path.read_bytes()))
        files = [plain]
    begin, count = time.process_time(), 0
    for file in files:
        if format == "android":
            for _, element in iterparse(file):
                element.clear()
                count += 1
        elif format == "signal":
            with file.open("rb") as lines:
                count += sum(bool(json.loads(line)) for line in lines)
        elif format == "whatsapp":
            count += len(file.read_text(encoding="utf-8").split("\n"))
        else:
            with file.open(encoding="utf-8") as stream:
                count += len(json.load(stream)["messages"])
    return time.process_time() - begin, count


_HEADER = re.compile(r"(\d\d/\d\d/\d{4}, \d\d:\d\d) - ([^:]+): (.*)")


def usual(format: str, path: Path, _home: Path) -> tuple[float, int]:
    """Return the CPU-seconds of what the usual scripts for a format do, and how many messages there are.

    WhatsApp: a regular expression and `strptime` for each line. Messenger: `json.load`, each string mended, the
    messages sorted by time, and a SHA-1 of each as its id.
    """
    found: list[tuple[object, ...]] = []
    begin = time.process_time()
    if format == "whatsapp":
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if match := _HEADER.match(line):
                    at = datetime.strptime(match[1], "%d/%m/%Y, %H:%M").replace(tzinfo=UTC)
                    found.append((int(at.timestamp() * 1000), match[2], match[3]))
    else:
        for file in path.rglob("*.json"):
            with file.open(encoding="utf-8") as stream:
                messages = json.load(stream)["messages"]
            for one in messages:
                sender, text = (one[key].encode("latin-1").decode() for key in ("sender_name", "content"))
                at = one["timestamp_ms"]
                id = hashlib.sha1(f"{sender}\0{at}\0{text}".encode()).hexdigest()
                found.append((at, sender, text, id))
        found.sort(key=itemgetter(0))
    return time.process_time() - begin, len(found)


def write_large(format: str, gigabytes: float, folder: Path) -> Path:
    """Write a file of a size: Telegram's messages, or SMS and MMS with pictures."""
    said = history(format, 20_000)
    path = folder / ("result.json" if format == "telegram" else "sms.xml")
    size, number = int(gigabytes * 1e9), 0
    with path.open("w", encoding="utf-8") as file:
        telegram = '{"name": "Ann", "type": "private_group", "id": 777, "messages": ['
        file.write(telegram if format == "telegram" else '<?xml version="1.0" encoding="UTF-8"?>\n<smses count="1">\n')
        while file.tell() < size:
            lines = []
            for sent in said:
                number += 1
                at = START_MS + number * 9000
                if format == "telegram":
                    about = {
                        "id": number, "type": "message", "date": "2023-05-15T10:00:00",
                        "date_unixtime": str(at // 1000),
                        "from": sent.sender, "from_id": "user1" if sent.sender == OWNER else "user2", "text": sent.text,
                        "text_entities": [{"type": "plain", "text": sent.text}],
                    }  # fmt: skip
                    lines.append(("," if number > 1 else "") + json.dumps(about, ensure_ascii=False))
                elif number % 100:
                    kind = 2 if sent.sender == OWNER else 1
                    lines.append(
                        f'<sms protocol="0" address="+15550102030" date="{at}" type="{kind}" subject="null" '
                        f'body="{sent.text}" read="1" status="-1" contact_name="Ann" />\n'
                    )
                else:
                    lines.append(
                        f'<mms date="{at}" msg_box="1" address="+15550102030" m_id="{number}"><parts>'
                        f'<part ct="image/jpeg" cl="a.jpg" data="{"QUJDREVG" * 25_000}"/>'
                        f'<part ct="text/plain" text="{sent.text}"/></parts>'
                        '<addrs><addr address="+15550102030" type="137"/></addrs></mms>\n'
                    )
            file.write("".join(lines))
        file.write("]}" if format == "telegram" else "</smses>\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--large", type=float, metavar="GB", help="write and read files of this size instead")
    arguments = parser.parse_args()
    formats = arguments.formats.split(",")
    if arguments.large:
        print("| | MB | messages | per CPU-second | peak memory |\n|---|---|---|---|---|")
        for format in (one for one in formats if one in ("telegram", "android")):
            with tempfile.TemporaryDirectory() as temporary:
                path, _ = in_a_process(write_large, format, arguments.large, Path(temporary))
                (seconds, count), peak = in_a_process(read, format, path, Path(temporary) / "home")
                size = path.stat().st_size / 1e6
                print(f"| {format} | {size:,.0f} | {count:,} | {count / seconds:,.0f} | {peak:.0f} MB |", flush=True)
        return
    print("| | MB | plain parse | vq | ratio | vq, a message | usual script | ratio | peak memory |")
    print("|---|---|---|---|---|---|---|---|---|")
    for format in formats:
        folder = Path(tempfile.mkdtemp())
        path, _ = in_a_process(write, format, arguments.messages, folder)
        (plain, _), _ = in_a_process(parse, format, path, folder)
        (seconds, count), peak = in_a_process(read, format, path, folder / "home")
        beside = " | "
        if format in ("messenger", "whatsapp"):
            (script, _), _ = in_a_process(usual, format, path, folder)
            beside = f"{count / script:,.0f} | {script / seconds:.2f}"
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files) / 1e6
        print(
            f"| {format} | {size:.0f} | {count / plain:,.0f} | {count / seconds:,.0f} | {plain / seconds:.2f} "
            f"| {seconds / count * 1e6:.1f} µs | {beside} | {peak:.0f} MB |",
            flush=True,
        )
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
