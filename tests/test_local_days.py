from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.clock import at_hour, day_begins, day_reader, load_timezone, local_day
from ventriloquist.errors import SettingsError

# half hours, a day that was skipped, a change at midnight, and an offset of minutes and seconds until 1972
ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Monrovia",
    "Pacific/Kiritimati",
]


@given(st.sampled_from(ZONES), st.lists(st.integers(0, 4_102_444_800_000), min_size=1, max_size=20))
def test_a_day_is_the_local_one_whatever_was_asked_before(zone: str, times: list[int]) -> None:
    day = day_reader(ZoneInfo(zone))
    for time in times:
        local = datetime.fromtimestamp(time // 1000, UTC).astimezone(ZoneInfo(zone))
        assert day(time) == local.date().isoformat()


@given(st.sampled_from(ZONES), st.integers(0, 2_000_000_000))
def test_the_milliseconds_around_midnight_are_on_both_sides_of_it(zone: str, seconds: int) -> None:
    day = day_reader(ZoneInfo(zone))
    date = day(seconds * 1000)
    begins = day_begins(date, ZoneInfo(zone), "--since")
    assert day(begins) == date
    assert day(begins - 1) < date


@pytest.mark.parametrize(("time", "expected"), [(2**62, "9999-12-31"), (-(2**62), "0001-01-01"), (-1, "1969-12-31")])
def test_a_clock_set_to_nonsense_still_has_a_day(time: int, expected: str) -> None:
    assert day_reader(ZoneInfo("UTC"))(time) == expected


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        (":Asia/Tokyo", "Asia/Tokyo"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
    ],
)
def test_the_systems_zone_is_the_one_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, setting: str, expected: str
) -> None:
    monkeypatch.setenv("TZ", setting)
    assert load_timezone(None).key == expected


def test_a_zone_that_is_not_one_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1CEST")
    assert load_timezone(None).key != "CET-1CEST"


def test_a_machine_whose_zone_is_unknown_has_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ventriloquist.clock._system_names", lambda: iter(("", "Mars/Olympus")))
    zone = load_timezone(None)
    assert zone.key == "UTC"
    assert datetime(2024, 7, 1, tzinfo=zone).utcoffset() == timedelta(0)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "a\0b"])
def test_a_zone_that_was_named_must_exist(name: str) -> None:
    with pytest.raises(SettingsError, match="time zone"):
        load_timezone(name)


@pytest.mark.parametrize("zone", ZONES)
def test_noon_is_on_its_day(zone: str) -> None:
    assert local_day(at_hour(date(2019, 6, 15), ZoneInfo(zone), 12), ZoneInfo(zone)) == "2019-06-15"


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T03:00"),  # midnight is left out: the day begins at one
        ("America/Havana", date(2023, 11, 5), "2023-11-05T04:00"),  # midnight comes twice: at the first one
        ("Europe/Berlin", date(2024, 3, 31), "2024-03-30T23:00"),  # 23 hours
    ],
)
def test_a_day_begins_right_where_clocks_change_at_midnight(zone: str, day: date, begins: str) -> None:
    at = at_hour(day, ZoneInfo(zone), 0)
    assert at == datetime.fromisoformat(begins).replace(tzinfo=UTC).timestamp() * 1000
    assert local_day(at, ZoneInfo(zone)) == day.isoformat()
    assert local_day(at - 1, ZoneInfo(zone)) < day.isoformat()
