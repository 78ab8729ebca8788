"""The time zone in which days begin. The database keeps the zone of the machine that collected."""

from __future__ import annotations

from sqlite3 import Connection
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from ventriloquist.clock import load_timezone
from ventriloquist.errors import SettingsError

MAX_SHOWN = 60  # characters of an unknown zone's name
COLLECTED, PREPARED = "collect", "prepare"  # the stages that record their zone

SERVERS = ("UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu", "GMT", "Etc/GMT")

Origin = Literal["named", "file", "machine"]


class Zone(NamedTuple):
    """A time zone, and where it was found."""

    zone: ZoneInfo
    origin: Origin


def find_zone(connection: Connection | None, named: str | None, *stages: str) -> Zone:
    """Return the zone that the user named, else the recorded one, else this machine's.

    The stages are asked for their recorded zone in this order.

    Raises:
        SettingsError: there is no such zone, or this machine does not know it.
    """
    if named is not None:
        return Zone(load_timezone(named), "named")
    for stage in stages:
        name = None if connection is None else recorded_zone(connection, stage)
        if name is None:
            continue
        try:
            return Zone(load_timezone(name), "file")
        except SettingsError as error:
            what = f"The messages were collected in the time zone {name[:MAX_SHOWN]!r}, unknown here."
            raise SettingsError(what, hint=error.hint) from None
    return Zone(load_timezone(), "machine")


def zone_of_collect(connection: Connection | None, named: str | None) -> ZoneInfo:
    """Return the zone that collect records: the named one, else this machine's.

    A server usually runs in UTC, wherever its user lives, so UTC does not replace a recorded zone.

    Raises:
        SettingsError: there is no such zone.
    """
    here = load_timezone(named)
    if named is None and here.key in SERVERS and connection is not None:
        return find_zone(connection, None, COLLECTED).zone
    return here


def recorded_zone(connection: Connection, stage: str) -> str | None:
    """Return the name of the zone that a stage recorded, or None."""
    row = connection.execute("SELECT name FROM time_zones WHERE stage = ?", (stage,)).fetchone()
    return None if row is None else str(row[0])


def record_zone(connection: Connection, stage: str, name: str) -> None:
    """Record the zone in which a stage lets days begin."""
    connection.execute("INSERT OR REPLACE INTO time_zones (stage, name) VALUES (?, ?)", (stage, name))
