"""Damaged exports of every format are read, or refused in two lines."""

from __future__ import annotations

from hostile_exports import WRITERS, read_mutated_exports


def test_damaged_exports_are_read_or_refused() -> None:
    found, _ = read_mutated_exports(10 * len(WRITERS))
    assert found["read"] > 0
    assert found["refused"] > 0
