from __future__ import annotations

from datetime import date

import pytest

from ventriloquist.chat.clock import Clock, parse_period
from ventriloquist.errors import SettingsError
from ventriloquist.transcript import DELTAS, delta_bucket


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2019", date(2019, 1, 1), date(2019, 12, 31)),
        ("2019-06", date(2019, 6, 1), date(2019, 6, 30)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2019-06-15", date(2019, 6, 15), date(2019, 6, 15)),
    ],
)
def test_a_period_is_a_year_a_month_or_a_day(text: str, first: date, last: date) -> None:
    assert parse_period(text) == (first, last)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "19", "19-06", "9999", "2019-13", "2019-02-30", "2019-06-15-1", "-2019", "2019-", "99999"]
)
def test_anything_else_is_no_date(text: str) -> None:
    with pytest.raises(SettingsError, match="not a date"):
        parse_period(text)


def test_a_clock_can_start_at_another_time_and_goes_on_from_there() -> None:
    real = 1_000_000
    clock = Clock(5_000, source=lambda: real)
    assert clock.now() == 5_000
    real += 70
    assert clock.now() == 5_070


@pytest.mark.parametrize("delta", DELTAS)
def test_the_time_that_passes_before_a_line_is_in_its_bucket(delta: str) -> None:
    clock = Clock(0, source=lambda: 0)
    clock.pass_by(delta)
    assert delta_bucket(clock.now()) == delta
