"""Which reactions stand, whatever order they were given, taken back and given again in."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.collect.tapbacks import derive_reactions
from ventriloquist.store import migrations

Row = tuple[str, str, str, int, int]
"""Target, sender, kind, whether it takes one back, and when."""

ROWS = st.lists(
    st.tuples(
        st.sampled_from(["T1", "T2"]),
        st.sampled_from(["ann", "ben"]),
        st.sampled_from(["love", "like", "emoji", "sticker"]),
        st.integers(0, 1),
        st.integers(0, 6),
    ),
    max_size=12,
)


def derived(rows: Sequence[Row]) -> tuple[set[str], dict[str, str]]:
    """Return the guids of those that stand, and the reason of every other one."""
    connection = sqlite3.connect(":memory:")
    migrations.apply(connection)
    connection.executemany("INSERT INTO people (id, name, is_me) VALUES (?, ?, 0)", [(1, "ann"), (2, "ben")])
    connection.executemany(
        "INSERT INTO tapbacks (guid, source_rowid, sender_handle, is_from_me, sent_at, target_guid, kind, removed) "
        "VALUES (?, ?, ?, 0, ?, ?, ?, ?)",
        [
            (f"G{n:02}", n, sender, at, target, kind, removed)
            for n, (target, sender, kind, removed, at) in enumerate(rows)
        ],
    )
    people = {"ann": 1, "ben": 2}
    counts = derive_reactions(connection, lambda tapback: people[tapback.sender_handle or ""], None)
    standing = {guid for (guid,) in connection.execute("SELECT guid FROM reactions")}
    skipped = dict(connection.execute("SELECT guid, reason FROM skipped"))
    connection.close()
    assert counts.total() == len(rows)
    return standing, skipped


@given(ROWS)
def test_of_each_message_person_and_kind_the_newest_row_decides(rows: list[Row]) -> None:
    newest: dict[tuple[str, str, str], tuple[int, int, int]] = {}
    for number, (target, sender, kind, removed, at) in enumerate(rows):
        key = (target, sender, kind)
        newest[key] = max(newest.get(key, (-1, -1, 1)), (at, number, removed))
    expected = {f"G{number:02}" for key, (_, number, removed) in newest.items() if not removed and key[2] != "sticker"}
    standing, skipped = derived(rows)
    stickers = {f"G{number:02}" for number, row in enumerate(rows) if row[2] == "sticker"}
    assert standing - stickers == expected
    assert standing.isdisjoint(skipped)
    assert len(standing) + len(skipped) == len(rows)


@given(ROWS)
def test_every_sticker_stands_that_no_later_row_takes_back(rows: list[Row]) -> None:
    standing, _ = derived(rows)
    for target in ("T1", "T2"):
        for sender in ("ann", "ben"):
            placed = 0
            own = (target, sender, "sticker")
            ordered = sorted((row[4], number) for number, row in enumerate(rows) if row[:3] == own)
            for _, number in ordered:
                placed = max(0, placed - 1) if rows[number][3] else placed + 1
            assert sum(f"G{number:02}" in standing for _, number in ordered) == placed
