"""What models did for an evaluation, kept in the run's folder as it is done, so that a stopped one goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ventriloquist.database.connect import make_private_folder
from ventriloquist.errors import StorageError

FOLDER = "evaluation"  # in the run's folder; private: it holds generated messages and what was before them
RECORDS = "records.jsonl"


class Store:
    """Values by what they were made from. A line that was not written whole is made again."""

    def __init__(self, run: Path) -> None:
        """Open what is kept of a run.

        Raises:
            StorageError: its folder cannot be written to.
        """
        self._path = run / FOLDER / RECORDS
        self._values: dict[str, Any] = {}
        try:
            make_private_folder(self._path.parent)
            self._path.touch(mode=0o600)
            data = self._path.read_bytes()
        except OSError as error:
            raise StorageError(
                f"{self._path.parent} cannot be written to: {error.strerror or error}.", hint="Check its permissions."
            ) from None
        for line in data.splitlines(keepends=True):
            try:
                key, value = json.loads(line)
            except ValueError:
                continue
            self._values[key] = value
        if data and not data.endswith(b"\n"):
            with self._path.open("ab") as file:
                file.write(b"\n")

    def get(self, key: str) -> Any:
        """Return a value, or None where it is not there yet."""
        return self._values.get(key)

    def put(self, key: str, value: Any) -> Any:
        """Keep a value that JSON can hold, and return it."""
        self._values[key] = value
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, value], ensure_ascii=False) + "\n")
        return value


def key_of(*parts: object) -> str:
    """Return a key of everything that decides a value."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=16).hexdigest()
