"""Reading an export as a whole, and values that may stand anywhere in JSON."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from ventriloquist.records import SKIPPED, Source, SourceMessage, SourceRow, SourceSkipped, SourceTapback
from ventriloquist.sources.exports import Asked, open_export

UTC = ZoneInfo("UTC")


class Read:
    """What an export was read as: each row is one thing, and has an id of its own."""

    def __init__(self, source: Source, rows: list[SourceRow]) -> None:
        self.chats = {found.guid: found for found in source.chats}
        self.owner, self.notes, self.rows = dict(source.owner_identifiers), source.notes, rows
        self.said = [row for row in rows if isinstance(row, SourceMessage)]
        self.tapbacks = [row for row in rows if isinstance(row, SourceTapback)]
        self.skipped = {row.guid: row.reason for row in rows if isinstance(row, SourceSkipped)}
        assert all(reason in SKIPPED for reason in self.skipped.values())
        assert len(self.said) + len(self.tapbacks) + len(self.skipped) == len(rows) == source.total
        assert len({row.guid for row in rows}) == len(rows)

    @property
    def reasons(self) -> list[str]:
        return [*self.skipped.values()]

    def lines(self) -> list[tuple[str, str]]:
        """Return who wrote each message, `me` for the owner, and its text."""
        return [(row.sender_handle.partition(":")[2] or "me", row.text) for row in self.said]


def read(path: Path, me: str | None = None, zone: ZoneInfo = UTC, name: str | None = None) -> Read:
    with open_export(name, path, path.parent / "home", Asked(zone, me=me)) as source:
        return Read(source, list(source.rows()))


def rows_of(
    path: Path, name: str | None = None, me: str | None = None, zone: ZoneInfo = UTC, home: Path | None = None
) -> tuple[Source, list[SourceRow]]:
    """Return an export as a source, and its rows."""
    with open_export(name, path, home or path.parent / "home", Asked(zone, me=me)) as source:
        return source, Read(source, list(source.rows())).rows


def said(rows: list[SourceRow]) -> list[SourceMessage]:
    return [row for row in rows if isinstance(row, SourceMessage)]


def reasons(rows: list[SourceRow]) -> list[str]:
    return [row.reason for row in rows if isinstance(row, SourceSkipped)]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(
        ["user1", "user777", "message", "service", "\ud800", "1684144800", "2023-05-15T10:00:00", 10**400, 1 << 63]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.sampled_from(
        ["text", "type", "from_id", "recent", "emoji", "date", "document_id", "list", "user_id", "messages", "id"]
    ), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
