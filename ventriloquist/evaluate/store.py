"""What models did for an evaluation, kept in the run's folder as it is done, so that a stopped one goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ventriloquist.errors import StorageError
from ventriloquist.fs import make_private_folder
from ventriloquist.layout import EVALUATION, RECORDS
from ventriloquist.model.gate import WEIGHTS


class Store:
    """Values by what they were made from and the run's weights. A line that was not written whole is made again."""

    def __init__(self, run: Path) -> None:
        """Open what is kept of a run; of other weights that stood in its folder nothing is found.

        Raises:
            StorageError: its folder cannot be written to.
        """
        self._path = run / EVALUATION / RECORDS
        self._values: dict[str, Any] = {}
        self._weights = _hash_weights(run)
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
        return self._values.get(f"{self._weights} {key}")

    def put(self, key: str, value: Any) -> Any:
        """Keep a value that JSON can hold, and return it."""
        key = f"{self._weights} {key}"
        self._values[key] = value
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, value], ensure_ascii=False) + "\n")
        return value


def key_of(*parts: object) -> str:
    """Return a key of what a value was made from, but for the weights, which `Store` adds."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=16).hexdigest()


def _hash_weights(run: Path) -> str:
    """Return a hash of a run's adapter (a second a gigabyte), or of a merged run's weights by their sizes and times."""
    adapter = run / WEIGHTS
    if adapter.exists():
        with adapter.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    merged = sorted((path.name, path.stat()) for path in run.glob("*.safetensors"))
    return key_of([(name, stat.st_size, stat.st_mtime_ns) for name, stat in merged])[:16]
