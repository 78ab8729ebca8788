"""training_messages → files that other trainers read: one row a block or a window."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.errors import NotReadyError, StorageError
from ventriloquist.export.files import ExportedFile, compressed, partial, write_rows
from ventriloquist.export.rows import Format, Row, block_rows, prompt_completion_rows, window_rows
from ventriloquist.fs import make_private_folder, require_regular
from ventriloquist.layout import MANIFEST
from ventriloquist.records import Progress
from ventriloquist.store import Connection, corpus
from ventriloquist.transcript import FORMAT_VERSION
from ventriloquist.windows import SPLITS, WINDOW_SIZE, Split, blocks

__all__ = [
    "ExportOptions",
    "ExportSummary",
    "ExportedFile",
    "Format",
    "estimate",
    "export",
    "require_prepared",
    "stream",
]

WINDOWS: Mapping[Split, str] = {
    "train": "training_windows",
    "validation": "validation_windows",
    "test": "test_windows",
}
LEAST_COMPRESSION = 4  # of the least repetitive rows, those of blocks


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to write. `splits` None: every split for blocks and prompt-completion, `train` for windows."""

    format: Format = "blocks"
    split: Split | None = None
    targets_per_window: int = 64  # K of a block
    gzip: bool = False

    @property
    def splits(self) -> tuple[Split, ...]:
        if self.split is not None:
            return (self.split,)
        return ("train",) if self.format == "windows" else SPLITS

    def file_name(self, split: Split) -> str:
        name = f"{WINDOWS[split] if self.format == 'windows' else split}.jsonl"
        return name + ".gz" if self.gzip else name


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was written where."""

    folder: str
    format: Format
    files: tuple[ExportedFile, ...]
    empty: tuple[Split, ...] = ()  # splits with nothing in them: they have no file


def require_prepared(db: Connection) -> None:
    """Check that prepare has run, and left something.

    Raises:
        NotReadyError: it has not.
    """
    if not corpus.is_empty(db):
        return
    if db.execute("SELECT 1 FROM runs WHERE command = 'prepare' AND finished_at IS NOT NULL LIMIT 1").fetchone():
        raise NotReadyError("Everything was left out when it was prepared.", hint="Leave out less: vq prepare --help")
    raise NotReadyError("Nothing is prepared yet.", hint="Run: vq prepare")


def estimate(db: Connection, options: ExportOptions) -> int:
    """Return about how many bytes an export will have, uncompressed: a few per cent more than it will be."""
    per_row, per_span = 200, 18  # header and field names; where a target stands in a block
    lines = line_bytes = rows = shown = spans = 0
    for size in corpus.sizes(db):
        lines += size.lines
        line_bytes += size.json_bytes
        if size.split not in options.splits:
            continue
        if options.format == "blocks":
            cut = list(blocks(size.targets, context=WINDOW_SIZE - 1, size=options.targets_per_window))
            rows += len(cut)
            shown += sum(block.stop - block.start for block in cut)
            spans += size.lines
        else:
            rows += size.lines
            shown += size.window_lines
    return int(1.02 * (rows * per_row + spans * per_span + shown * line_bytes / max(1, lines)))


def export(
    db: Connection, folder: Path, options: ExportOptions, *, progress: Progress = lambda _done, _total: None
) -> ExportSummary:
    """Write the files and their manifest; each appears whole or not at all, readable by the user alone.

    Raises:
        NotReadyError: nothing is prepared.
        StorageError: the folder cannot be used or has another program's manifest, or the disk is too small or full.
    """
    require_prepared(db)
    folder = folder.absolute()  # what is recorded must say where, wherever it is read
    try:
        _make_folder(folder)
        earlier = _listed(folder / MANIFEST)
        _remove_rests(folder)
        _check_disk(folder, estimate(db, options) // (LEAST_COMPRESSION if options.gzip else 1))
        paths = {split: folder / options.file_name(split) for split in options.splits}
        try:
            advance = _counter(db, options, progress)
            files = tuple(write_rows(path, split, _rows(db, options, split), advance) for split, path in paths.items())
            written = [file for file in files if file.rows]  # other programs refuse a folder with an empty file
            replaced = [file for file in earlier if file["name"] in {file.name for file in files if not file.rows}]
            _write_manifest(folder, options, written, [file for file in earlier if file not in replaced])
            for name in (*(file.name for file in written), MANIFEST):
                partial(folder / name).replace(folder / name)
            for file in replaced:  # of an earlier export: what is in it is not in that split any more
                (folder / file["name"]).unlink(missing_ok=True)
        finally:
            for path in (*paths.values(), folder / MANIFEST):
                partial(path).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written: {error.strerror or error}.",
            hint="Free some space, check its permissions, or name another folder with --output.",
        ) from None
    empty = tuple(file.split for file in files if not file.rows)
    return ExportSummary(str(folder), options.format, tuple(written), empty)


def stream(db: Connection, out: BinaryIO, options: ExportOptions) -> int:
    """Write one split's rows, `train` unless another is chosen, to a stream, compressed if asked; return how many.

    Raises:
        NotReadyError: nothing is prepared.
    """
    require_prepared(db)
    rows = 0
    with compressed(out) if options.gzip else nullcontext(out) as target:
        for row in _rows(db, options, options.split or "train"):
            target.write(row.data)
            rows += 1
    out.flush()
    return rows


def _rows(db: Connection, options: ExportOptions, split: Split) -> Iterator[Row]:
    if options.format == "blocks":
        return block_rows(db, split, targets_per_window=options.targets_per_window)
    return window_rows(db, split) if options.format == "windows" else prompt_completion_rows(db, split)


def _counter(db: Connection, options: ExportOptions, progress: Progress) -> Callable[[int], None]:
    counts = corpus.count_by_split(db)
    total = sum(counts.get(split, 0) for split in options.splits)
    done = told = 0

    def advance(targets: int) -> None:
        nonlocal done, told
        done += targets
        if done - told >= 1000 or done == total:
            told = done
            progress(done, total)

    return advance


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():  # a folder of the user's own keeps its mode
        make_private_folder(folder)


def _remove_rests(folder: Path) -> None:
    """Remove what exports that were killed have left: gigabytes, and private ones."""
    names = (f"{name}.jsonl{suffix}" for name in (*SPLITS, *WINDOWS.values()) for suffix in ("", ".gz"))
    for name in (*names, MANIFEST):
        partial(folder / name).unlink(missing_ok=True)


def _check_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"The export needs about {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB free.",
            hint="Use --format blocks, one --split, --gzip, or --output on another disk.",
        )


def _listed(manifest: Path) -> list[dict[str, Any]]:
    """Return what an earlier export's manifest says of its files.

    Raises:
        StorageError: it is not an export's.
    """
    if not manifest.exists():
        return []
    try:
        require_regular(manifest)
        listed = json.loads(manifest.read_text(encoding="utf-8"))["files"]
        if all(isinstance(file["name"], str) and file["sha256"] for file in listed):
            return list(listed)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise StorageError(
        f"{manifest} is another program's, and would be overwritten.", hint="Name another folder with --output."
    )


def _write_manifest(
    folder: Path, options: ExportOptions, files: Sequence[ExportedFile], earlier: Sequence[dict[str, Any]]
) -> None:
    """Describe the files, and those of earlier exports that still lie beside them."""
    path = folder / MANIFEST
    written = {file.name for file in files}
    kept = [file for file in earlier if file["name"] not in written and (folder / file["name"]).exists()]
    new = [
        {**asdict(file), "format": options.format, "format_version": FORMAT_VERSION, "window_size": WINDOW_SIZE}
        | ({"targets_per_window": options.targets_per_window} if options.format == "blocks" else {})
        for file in files
    ]
    manifest = {"files": sorted([*kept, *new], key=lambda file: str(file["name"]))}
    partial(path).touch(mode=0o600)
    partial(path).write_text(json.dumps(manifest, indent=2) + "\n")
