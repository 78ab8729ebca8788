"""The guids of an export's records, made of their ids, or of what they say if they have none."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b

LONGEST_ID = 60  # characters; a longer id is replaced by a hash
REMEMBERED = 1 << 18  # of the latest texts without an id: those of one minute stand nearer together


class Guids:
    """What the records of an archive are known by among those of all sources. They name neither people nor chats."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._prefixes: dict[str, str] = {}
        self._repeats: dict[bytes, int] = {}  # of the latest texts
        self._numbers: Counter[tuple[str, str]] = Counter()

    def __call__(self, thread: str, id: str) -> str:
        """Return the guid of a record with an id."""
        prefix = self._prefixes.get(thread)
        if prefix is None:
            prefix = self._prefixes[thread] = f"{self._source}:{_hash(thread.encode('utf-8', 'surrogatepass'), 8)}:"
        if len(id) <= LONGEST_ID and id.isascii() and id.isprintable():
            return prefix + id
        return prefix + _hash(id.encode("utf-8", "surrogatepass"))

    def next(self, thread: str, reason: str) -> str:
        """Return the guid of a record without an id that is skipped: how many of its kind came before."""
        self._numbers[thread, reason] += 1
        return self(thread, f"{reason} {self._numbers[thread, reason]}")

    def of_content(self, thread: str, sender: str, sent_at: int, text: str, media: object) -> str:
        """Return a guid of sender, minute and text, and of how many equal ones came before: a newer export has more."""
        key = f"{thread}\0{sender}\0{sent_at // 60_000}\0{text}\0{media}".encode("utf-8", "surrogatepass")
        digest = blake2b(key, digest_size=16).digest()
        repeats = self._repeats
        count = repeats[digest] = repeats.get(digest, 0) + 1
        if len(repeats) > REMEMBERED:
            for old in [*repeats][: REMEMBERED // 2]:
                del repeats[old]
        return f"{self._source}:{_hash(digest + str(count).encode())}"


def _hash(data: bytes, size: int = 16) -> str:
    return blake2b(data, digest_size=size).hexdigest()
