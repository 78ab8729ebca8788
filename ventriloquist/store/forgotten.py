"""Forgotten people, kept as an HMAC (RFC 2104) of each handle, so that collect leaves them out for good.

The file can tell whether a handle was forgotten, but it cannot list them. The key is in the same file, so somebody who
has the file cannot read a handle but can test a guess.

collect skips a row as `forgotten` if its sender was forgotten, or the other person of a one-to-one conversation was. A
forgotten person never becomes a person, a member, a stored card, or a handle of a stored chat.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from ventriloquist.clock import now_ms

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The forgotten handles, as a test for membership."""

    key: bytes
    digests: frozenset[str]

    def has_any(self, handles: Iterable[str]) -> bool:
        """Tell whether any of these normalised handles was forgotten."""
        return bool(self.digests) and any(_digest(self.key, handle) in self.digests for handle in handles)


def load_forgotten(connection: sqlite3.Connection) -> Forgotten:
    """Read the forgotten handles."""
    key = connection.execute("SELECT key FROM forgotten_key").fetchone()
    digests = connection.execute("SELECT digest FROM forgotten").fetchall()
    return Forgotten(key[0] if key else b"", frozenset(digest for (digest,) in digests))


def remember_forgotten(connection: sqlite3.Connection, handles: Iterable[str]) -> None:
    """Remember these normalised handles as forgotten. The first call makes the key."""
    connection.execute(
        "INSERT INTO forgotten_key SELECT ? WHERE NOT EXISTS (SELECT 1 FROM forgotten_key)",
        (secrets.token_bytes(KEY_BYTES),),
    )
    (key,) = connection.execute("SELECT key FROM forgotten_key").fetchone()
    rows = [(_digest(key, handle), now_ms()) for handle in sorted(handles)]
    connection.executemany("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", rows)


def _digest(key: bytes, handle: str) -> str:
    return hmac.digest(key, handle.encode(), "sha256").hex()
