"""A cache of what models wrote and scored, in the run's folder, so that a stopped evaluation goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ventriloquist.errors import StorageError
from ventriloquist.fs import make_private_folder
from ventriloquist.layout import EVALUATION, MANIFEST, RECORDS
from ventriloquist.model.gate import ADAPTER_CONFIG, WEIGHTS
from ventriloquist.model.manifest import read_manifest

PIECE = 2**16  # bytes


class OutputCache:
    """Outputs of models by their inputs and the weights, each written at once. An incomplete line is ignored."""

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
    """Return a hash of the run's adapter (a second a gigabyte) and of its base model, or of a merged run's weights.

    Of a base model's weights, the sizes and three pieces of each file are hashed. A base model from the hub is known by
    its revision.
    """
    adapter = run / WEIGHTS
    if not adapter.exists():
        merged = sorted((path.name, path.stat()) for path in run.glob("*.safetensors"))
        return key_of([(name, stat.st_size, stat.st_mtime_ns) for name, stat in merged])[:16]
    parts: list[object] = [_digest(path) for path in (adapter, run / ADAPTER_CONFIG) if path.exists()]
    if (run / MANIFEST).exists():
        manifest = read_manifest(run)
        base = manifest.base_folder_or_id(run.absolute())
        weights = sorted(Path(base).glob("*.safetensors")) if Path(base).is_absolute() else []
        parts += [(path.name, _pieces(path)) for path in weights] or [(base, manifest.base_revision)]
    return key_of(parts)[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def _pieces(path: Path) -> str:
    """Return a hash of a file's size and of its beginning, middle and end."""
    size = path.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=8)
    with path.open("rb") as file:
        for start in (0, size // 2, size - PIECE):
            file.seek(max(0, start))
            digest.update(file.read(PIECE))
    return digest.hexdigest()
