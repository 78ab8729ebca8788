"""Who was forgotten: handles as an HMAC (RFC 2104) with a key in the file, so that collect leaves them out for good.

The file cannot be asked for a list of them, only whether a handle is one. Whoever has the file has the key, too: this
keeps a name from being read, not from being guessed.

In collect a row is skipped as `forgotten` when its sender is, or when it is of a one-to-one conversation with somebody
who is. Nobody who was forgotten becomes a person, a member, a stored card, or a handle of a stored chat.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Tells whether a handle is somebody's who was forgotten."""

    key: bytes
    digests: frozenset[str]

    def has(self, handle: str) -> bool:
        """Tell it of one handle, normalised."""
        return bool(self.digests) and _digest(self.key, handle) in self.digests

    def has_any(self, handles: Iterable[str]) -> bool:
        """Tell whether it is so of any of somebody's handles."""
        return any(map(self.has, handles))


def load_forgotten(connection: sqlite3.Connection) -> Forgotten:
    """Read who was forgotten."""
    key = connection.execute("SELECT key FROM forgotten_key").fetchone()
    digests = connection.execute("SELECT digest FROM forgotten").fetchall()
    return Forgotten(key[0] if key else b"", frozenset(digest for (digest,) in digests))


def remember_forgotten(connection: sqlite3.Connection, handles: Iterable[str]) -> None:
    """Keep that the owner of these handles, normalised, was forgotten; the first one makes the key."""
    connection.execute(
        "INSERT INTO forgotten_key SELECT ? WHERE NOT EXISTS (SELECT 1 FROM forgotten_key)",
        (secrets.token_bytes(KEY_BYTES),),
    )
    (key,) = connection.execute("SELECT key FROM forgotten_key").fetchone()
    now = time.time_ns() // 1_000_000
    connection.executemany(
        "INSERT OR IGNORE INTO forgotten VALUES (?, ?)", [(_digest(key, handle), now) for handle in sorted(handles)]
    )


def _digest(key: bytes, handle: str) -> str:
    return hmac.digest(key, handle.encode(), "sha256").hex()
