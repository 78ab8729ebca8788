"""The order of messages in WhatsApp's text exports, and messages that two files have."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator

from ventriloquist.sources.export_records import Record, Said, Skipped

WINDOW = 50_000  # messages within which the order of time is restored
WINDOW_CHARACTERS = 1 << 25


def new_ones(records: Iterable[Record], earlier: Counter[int]) -> Iterator[Record]:
    """Skip what an earlier file has of the same chat: repeats within a minute count."""
    here: Counter[int] = Counter()
    for record in records:
        if isinstance(record, (Said, Skipped)):
            key = (
                hash((record.sender, record.sent_at // 60_000, record.text, record.media))
                if isinstance(record, Said)
                else hash(record.id)
            )
            here[key] += 1
            if here[key] <= earlier[key]:
                yield Skipped(record.thread, "", "repeated")
                continue
        yield record
    for key, count in here.items():
        earlier[key] = max(earlier[key], count)


def in_order(rows: Iterable[tuple[int, int, Said | Skipped]]) -> Iterator[tuple[int, int, Said | Skipped]]:
    """Sort rows by time within a window: phones write some messages a little late."""
    window: list[tuple[int, int, Said | Skipped]] = []
    size = 0
    for row in rows:
        heapq.heappush(window, row)
        size += _size(row)
        while len(window) > WINDOW or size > WINDOW_CHARACTERS:
            first = heapq.heappop(window)
            size -= _size(first)
            yield first
    while window:
        yield heapq.heappop(window)


def _size(row: tuple[int, int, Said | Skipped]) -> int:
    record = row[2]
    return len(record.text if isinstance(record, Said) else record.id)
