"""In which time zone days begin: it travels in the file from the machine that collected."""

from __future__ import annotations

from sqlite3 import Connection
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from ventriloquist.clock import load_timezone
from ventriloquist.errors import SettingsError

MAX_SHOWN = 60  # characters of a name that is none
COLLECTED, PREPARED = "collect", "prepare"  # whose zone it is

SERVERS = ("UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu", "GMT", "Etc/GMT")

Origin = Literal["named", "file", "machine"]


class Zone(NamedTuple):
    """A time zone, and who says that it is this one."""

    zone: ZoneInfo
    origin: Origin


def find_zone(connection: Connection | None, named: str | None, *stages: str) -> Zone:
    """Return the zone that the user named, else the one in the file, else this machine's.

    Args:
        named: by a flag or a setting.
        stages: which of the file's, the first one that there is.

    Raises:
        SettingsError: there is no such zone, or not on this machine.
    """
    if named is not None:
        return Zone(load_timezone(named), "named")
    for stage in stages:
        name = None if connection is None else recorded_zone(connection, stage)
        if name is not None:
            try:
                return Zone(load_timezone(name), "file")
            except SettingsError:
                raise SettingsError(
                    f"The file's messages are of the time zone {name[:MAX_SHOWN]!r}, which is not known here.",
                    hint="Name one like Europe/Berlin or America/New_York, with --timezone or VQ_TIME_ZONE.",
                ) from None
    return Zone(load_timezone(), "machine")


def zone_of_collect(connection: Connection | None, named: str | None) -> ZoneInfo:
    """Return the zone that collect writes into the file: the named one, else this machine's.

    A server is set to UTC wherever its user lives: that does not displace what another machine wrote.

    Raises:
        SettingsError: there is no such zone.
    """
    here = load_timezone(named)
    if named is None and here.key in SERVERS and connection is not None:
        return find_zone(connection, None, COLLECTED).zone
    return here


def recorded_zone(connection: Connection, stage: str) -> str | None:
    """Return the zone that a stage has written into the file, whatever it is."""
    row = connection.execute("SELECT name FROM time_zones WHERE stage = ?", (stage,)).fetchone()
    return None if row is None else str(row[0])


def record_zone(connection: Connection, stage: str, name: str) -> None:
    """Write into the file in which zone a stage has let days begin."""
    connection.execute("INSERT OR REPLACE INTO time_zones (stage, name) VALUES (?, ?)", (stage, name))
