"""Apple's dates in both units."""

from __future__ import annotations

import pytest

from ventriloquist.sources.imessage.dates import message_date, to_unix_ms


@pytest.mark.parametrize(
    ("date", "unix_ms"),
    [
        (1, 978_307_201_000),
        (-978_307_200, 0),
        (721_692_800, 1_700_000_000_000),
        (721_692_800_123_000_000, 1_700_000_000_123),
        (721_692_800_123_999_999, 1_700_000_000_123),
        (-978_307_200_000_000_000, 0),
        (100_000_000_000, 978_307_200_000 + 100_000_000_000_000),
        (100_000_000_001, 978_307_300_000),
    ],
)
def test_seconds_and_nanoseconds_are_told_apart_by_their_magnitude(date: int, unix_ms: int) -> None:
    assert to_unix_ms(date) == unix_ms


@pytest.mark.parametrize(
    ("date", "unix_ms"),
    [
        (721_692_800, 1_700_000_000_000),
        (721_692_800_123_000_000, 1_700_000_000_123),
        (None, None),
        (0, None),
        (-1, None),
        (-978_307_200_000_000_000, None),
        (86_400 * 364, None),  # 2001
        (86_400 * 364 * 10**9, None),
        (99_999_999_999, None),  # the year 5169
        (2**63 - 1, None),
    ],
)
def test_a_date_that_no_message_can_have_is_none(date: int | None, unix_ms: int | None) -> None:
    assert message_date(date) == unix_ms
