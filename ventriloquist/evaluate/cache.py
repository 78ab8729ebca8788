"""A cache of what models wrote and scored, in the run's folder, so that a stopped evaluation goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ventriloquist.errors import StorageError
from ventriloquist.fs import make_private_folder
from ventriloquist.layout import EVALUATION, RECORDS
from ventriloquist.model.gate import WEIGHTS


class OutputCache:
    """Outputs of models by their inputs and the run's weights, each written at once. An incomplete line is ignored."""

    def __init__(self, run: Path) -> None:
        """Open the cache of a run. Outputs of other weights that were in its folder before are not found.

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
        """Return a value; None if there is none yet."""
        return self._values.get(f"{self._weights} {key}")

    def put(self, key: str, value: Any) -> Any:
        """Write a value that JSON can hold, and return it."""
        key = f"{self._weights} {key}"
        self._values[key] = value
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, value], ensure_ascii=False) + "\n")
        return value


def key_of(*parts: object) -> str:
    """Return a key for the inputs of a model; `OutputCache` adds the weights."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=16).hexdigest()


def _hash_weights(run: Path) -> str:
    """Return a hash of a run's adapter (a second a gigabyte), or of the sizes and times of a merged run's weights."""
    adapter = run / WEIGHTS
    if adapter.exists():
        with adapter.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    merged = sorted((path.name, path.stat()) for path in run.glob("*.safetensors"))
    return key_of([(name, stat.st_size, stat.st_mtime_ns) for name, stat in merged])[:16]
