"""Heads in WhatsApp's text exports: what is remembered of them gives what reading them anew does."""

from __future__ import annotations

from itertools import product

from ventriloquist.sources.whatsapp_dates import Heads, head

DAYS = (
    "15/05/2023", "5/15/23", "[15.05.23", "[5/15/23", "15/05/2023 PM", "15/05/2566 BE", "R5/5/15", "\u200f15/5/23",
    "12023/05/15", "15/05/2023 10", "99/99/9999", "[15/05/2023 um",
)  # fmt: skip
TIMES = (
    "10:00 - ", "10:00 PM - ", "10:00\u202fAM - ", "at 10:00 - ", "10:00 BE - ", "10:00] ", "10:00:59 PM] ", "25:00 - ",
    "10:00] \u200e", "10:00 - \u200e", "10:00: ", "10:00 a - b ", "10:00 ", "10:00 – ",
)  # fmt: skip
RESTS = ("Ann: hi", "Ann: a - b] c, 10:00 - d", "", " - Ann: hi")


def test_what_is_remembered_of_heads_gives_what_reading_them_does() -> None:
    heads = Heads()
    lines = [
        f"{day}{between}{time}{rest}" for day, time, rest in product(DAYS, TIMES, RESTS) for between in (", ", " ")
    ]
    assert sum(head(line) is not None for line in lines) > len(lines) // 3
    for _ in range(2):
        assert [heads(line) for line in lines] == [head(line) for line in lines]
    assert [heads(line) for line in reversed(lines)] == [head(line) for line in reversed(lines)]
