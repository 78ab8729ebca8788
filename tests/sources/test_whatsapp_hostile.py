"""WhatsApp's text exports that somebody damaged or made to do harm."""

from __future__ import annotations

import io
import random
import time
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from ventriloquist.errors import VentriloquistError
from ventriloquist.records import SKIPPED
from ventriloquist.sources.export_records import Record, Said, Skipped
from ventriloquist.sources.whatsapp import Choice, TextExport, looks_like_an_export, read_text_exports, titled

MUTANTS = 5_000
FIRST, LAST = 0, 4_102_444_800_000  # 1970 and 2100, Unix ms
SAMPLES = [
    "[15.05.23, 10:00:00] Ann: hi\n[15.05.23, 10:00:01] Bo: \u200eimage omitted\n\u200e[16.05.23, 10:00:02] Ann: \u200e<attached: 01-P.jpg>\n",
    "5/15/23, 10:00\u202fPM - Ann: hi\n5/16/23, 1:00\u202fAM - Bo: <Media omitted>\nmore\n5/17/23, 1:01\u202fAM - Bo added Ann\n",
    "2023/5/15 下午3:04 - 安: 你好\n2023/5/16 上午3:04 - Bo: POLL:\na\nOPTION: b (1 vote)\nOPTION: c (2 votes)\n",
    "\u200f١٥\u200f/٥\u200f/٢٠٢٣، ٢:٥٦ م - Ann: مرحبا\n\u200f١٦\u200f/٥\u200f/٢٠٢٣، ٢:٥٦ م - Bo: IMG-20230515-WA0001.jpg (الملف مرفق)\nx\n",
    '15.05.23 10:00:00: Ann: hi\n15.05.23 10:00:01: Ann changed the subject to "a: b"\n16.05.23 10:00:02: Bo: yo <This message was edited>\n',
]  # fmt: skip
PIECES = [
    b"\n", b"\r", b"\0", b"\xff", b"[", b"]", b": ", b" - ", b"/", b".", b"99", b"0", b"31", b"\xe2\x80\x8e", b"\xe2\x80\xaf",
    "²".encode(), "٣".encode(), b"AM", b"<", b">", b"(", b"R4", b" BE", b"1444", b"1402", b"2566", b"\xef\xbb\xbf", b"~", b'"',
]  # fmt: skip


def read(data: bytes, name: str = "WhatsApp Chat with Ann.txt", *, day_first: bool | None = True) -> list[Record]:
    file = TextExport(lambda: io.BytesIO(data), Path(name), titled(name))
    return list(read_text_exports([file], Choice(UTC, day_first), []))


def mutants() -> Iterator[bytes]:
    chance = random.Random(15)
    for _ in range(MUTANTS):
        data = bytearray(chance.choice(SAMPLES).encode())
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(data) + 1)
            match chance.randrange(4):
                case 0:
                    data[place:place] = chance.choice(PIECES)
                case 1:
                    del data[place : place + chance.randint(1, 4)]
                case 2:
                    data[place : place + 1] = chance.choice(PIECES)
                case _:
                    data[place:place] = data[: chance.randint(0, 60)]
        yield bytes(data)


def test_five_thousand_damaged_files_give_messages_or_one_line() -> None:
    read_well, hints = 0, set()
    for data in mutants():
        looks_like_an_export(data, Path("x.txt"))
        try:
            records = read(data)
        except VentriloquistError as error:
            hints.add(error.hint)
            continue
        read_well += 1
        for record in records:
            if isinstance(record, Said):
                assert FIRST < record.sent_at < LAST
                assert record.sender
            elif isinstance(record, Skipped):
                assert record.reason in SKIPPED
    assert read_well > MUTANTS // 2
    assert all(hints)


LONG = 200_000


@pytest.mark.parametrize("line", [
    "1" * LONG, "1/" * LONG, "1 " * LONG, "[" * LONG, "[1/1/20" + " " * LONG, "1/1/20, 10:00" + "a" * LONG, "\u200e" * LONG,
    "1/1/20, 10:00 - " + "a" * LONG, "1/1/20, 10:00 - a: " + "<" * LONG, "1/1/20, 10:00 - a: " + "<a: " * LONG,
    "1/1/20, 10:00 - a: x" + ". " * LONG + "(", "1/1/20, 10:00 - a: " + "a.b (" * LONG + ")", "1.1.20 " * LONG,
    "1/1/20, 10:00 - a: " + "a.bcd " * LONG + ">", "1/1/20, 10:00 - a: \u200e" + "a • " * LONG + "\u200eimage omitted",
    "1/1/20, 10:00 - a: " + "x: https://maps.google.com/?q=1" * 9_000, "1/1/20, 10:00 - a: POLL:\n" + "O: (1)\n" * 50_000,
    "1/1/20, 10:00 - " + "a:" * LONG, "1/1/20, 10:00 - a: " + "x \u200e" * LONG, "1/1/20, 10:00 - a: " + "<x> " * LONG + "<x>",
    "1/1/20, 10:00 - a: " + "\n" * LONG,
])  # fmt: skip
def test_no_long_line_takes_long(line: str) -> None:
    data = f"13/1/20, 10:00 - Ann: hi\n{line}\n".encode()
    begun = time.process_time()
    read(data)
    assert time.process_time() - begun < 5  # a pattern that backtracks would take minutes


def test_a_line_longer_than_any_message_is_refused() -> None:
    with pytest.raises(VentriloquistError, match="longer than any message"):
        read(b"1/1/20, 10:00 - Ann: " + b"x" * (1 << 24))


def test_a_file_that_was_cut_off_is_read_up_to_there() -> None:
    (one,) = [record for record in read("13/1/20, 10:00 - Ann: ü".encode()[:-1]) if isinstance(record, Said)]
    assert one.text == "\ufffd"


def test_a_file_in_utf_16_is_read() -> None:
    text = "13/1/20, 10:00 - Ann: ü 🦊\r\nmore\r\n"
    for data in (text.encode("utf-16"), b"\xfe\xff" + text.encode("utf-16-be")):
        (one,) = [record for record in read(data) if isinstance(record, Said)]
        assert one.text == "ü 🦊\nmore"
