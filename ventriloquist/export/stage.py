"""Export training messages: plan which files are written, then write them, or stream one split."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from ventriloquist.errors import NotReadyError, StorageError
from ventriloquist.export.files import ExportedFile, compressed, write_rows
from ventriloquist.export.folder import check_disk, check_folder, is_anothers, read_manifest, write_errors
from ventriloquist.export.options import WINDOWS, ExportOptions
from ventriloquist.export.rows import ExportRow, Format, block_rows, prompt_completion_rows, window_rows
from ventriloquist.fs import make_private_folder, partial, partial_file, put_in_place
from ventriloquist.layout import MANIFEST
from ventriloquist.records import Progress
from ventriloquist.safe_text import escape_json
from ventriloquist.store import Connection, corpus
from ventriloquist.store.counts import count_by_split, sizes
from ventriloquist.store.runs import last_parameters
from ventriloquist.transcript import FORMAT_VERSION
from ventriloquist.windows import SPLITS, WINDOW_SIZE, Split, blocks

LEAST_COMPRESSION = 4  # of the least repetitive rows, those of blocks


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What export will write. All that can fail is checked, and nothing is written.

    Attributes:
        folder: an absolute path; None for a stream.
        splits: to write; a stream has one.
        bytes: an estimate of the uncompressed size, a few per cent too high.
        targets: their number in all of these splits.
        earlier: the files of an earlier export, as its manifest lists them.
    """

    options: ExportOptions
    folder: Path | None
    splits: tuple[Split, ...]
    bytes: int
    targets: int
    earlier: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was written where."""

    folder: str
    format: Format
    files: tuple[ExportedFile, ...]
    empty: tuple[Split, ...] = ()  # splits with nothing in them: they have no file


def plan(db: Connection, folder: Path | None, options: ExportOptions) -> ExportPlan:
    """Check that there is something to write, and that a folder can take it.

    Args:
        folder: where the files go; None to stream one split, `train` unless the options choose another.

    Raises:
        NotReadyError: nothing is prepared.
        StorageError: the folder cannot be used, has another program's manifest or files, or its disk is too small.
    """
    if corpus.is_empty(db):
        if last_parameters(db, "prepare"):
            raise NotReadyError(
                "Everything was left out when it was prepared.", hint="Leave out less: vq prepare --help"
            )
        raise NotReadyError("Nothing is prepared yet.", hint="Run: vq prepare")
    splits = options.splits if folder is not None else (options.split or "train",)
    needed = _estimate(db, options, splits)
    counts = count_by_split(db)
    targets = sum(counts.get(split, 0) for split in splits)
    if folder is None:
        return ExportPlan(options, None, splits, needed, targets)
    folder = folder.absolute()  # the run is recorded with it
    with write_errors(folder):
        existing = check_folder(folder)
        earlier = read_manifest(folder / MANIFEST)
        ours = {file["name"] for file in (*earlier, *_unfinished(folder))}
        for path in (folder / options.file_name(split) for split in splits):
            if path.name not in ours and path.exists():
                raise is_anothers(path)
        needed_on_disk = needed // (LEAST_COMPRESSION if options.gzip else 1)
        check_disk(folder, existing, needed_on_disk, _partials(folder), "Use --format blocks, one --split, --gzip, or")
    return ExportPlan(options, folder, splits, needed, targets, earlier)


def run(db: Connection, plan: ExportPlan, *, progress: Progress = lambda _done, _total: None) -> ExportSummary:
    """Write the files and their manifest; all take their places together, readable by the user alone.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    options, folder = plan.options, plan.folder
    if folder is None:
        raise ValueError("this plan is for a stream")
    paths = {split: folder / options.file_name(split) for split in plan.splits}
    manifest = folder / MANIFEST
    with write_errors(folder):
        if not folder.is_dir():  # a folder of the user's own keeps its mode
            make_private_folder(folder)
        for path in _partials(folder):
            path.unlink(missing_ok=True)
        try:
            advance = _counter(plan.targets, progress)
            files = [write_rows(path, split, _rows(db, options, split), advance) for split, path in paths.items()]
            written = [file for file in files if file.rows]  # other programs refuse a folder with an empty file
            empty = [file for file in files if not file.rows]
            replaced = {file.name for file in empty} & {file["name"] for file in plan.earlier}
            with partial_file(manifest) as file:
                file.write(_manifest(plan, folder, written, replaced))
            put_in_place(*(folder / file.name for file in written), manifest)
            for name in replaced:  # their rows are no longer in that split
                (folder / name).unlink(missing_ok=True)
        finally:
            for path in _partials(folder):
                path.unlink(missing_ok=True)
    return ExportSummary(str(folder), options.format, tuple(written), tuple(file.split for file in empty))


def stream(db: Connection, plan: ExportPlan, out: BinaryIO, *, is_terminal: bool = False) -> int:
    """Write the rows of a plan without a folder to a stream, compressed if asked; return how many there are.

    On a terminal, control characters are escaped. The JSON has the same values.
    """
    (split,) = plan.splits
    rows = 0
    with compressed(out) if plan.options.gzip else nullcontext(out) as target:
        for row in _rows(db, plan.options, split):
            target.write(escape_json(row.data.decode()).encode() if is_terminal else row.data)
            rows += 1
    out.flush()
    return rows


def _estimate(db: Connection, options: ExportOptions, splits: Sequence[Split]) -> int:
    per_row, per_span = 200, 18  # header and field names; where a target stands in a block
    lines = line_bytes = rows = shown = spans = 0
    for size in sizes(db):
        lines += size.lines
        line_bytes += size.json_bytes
        if size.split not in splits:
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


def _rows(db: Connection, options: ExportOptions, split: Split) -> Iterator[ExportRow]:
    if options.format == "blocks":
        return block_rows(db, split, targets_per_window=options.targets_per_window)
    return window_rows(db, split) if options.format == "windows" else prompt_completion_rows(db, split)


def _counter(total: int, progress: Progress) -> Callable[[int], None]:
    done = told = 0

    def advance(targets: int) -> None:
        nonlocal done, told
        done += targets
        if done - told >= 1000 or done == total:
            told = done
            progress(done, total)

    return advance


def _unfinished(folder: Path) -> Sequence[Mapping[str, Any]]:
    """Return what an export lists that was killed when its files were in place and its manifest was not yet."""
    try:
        return read_manifest(partial(folder / MANIFEST))
    except StorageError:  # cut off: its files are not in place either
        return ()


def _partials(folder: Path) -> Iterator[Path]:
    """Yield the partial files that killed exports may have left."""
    names = (f"{name}.jsonl{suffix}" for name in (*SPLITS, *WINDOWS.values()) for suffix in ("", ".gz"))
    return (partial(folder / name) for name in (*names, MANIFEST))


def _manifest(plan: ExportPlan, folder: Path, files: Sequence[ExportedFile], replaced: set[str]) -> bytes:
    """Describe the files, and those of earlier exports that stay beside them."""
    options = plan.options
    gone = {file.name for file in files} | replaced
    kept = [file for file in plan.earlier if file["name"] not in gone and (folder / file["name"]).exists()]
    new = [
        {**asdict(file), "format": options.format, "format_version": FORMAT_VERSION, "window_size": WINDOW_SIZE}
        | ({"targets_per_window": options.targets_per_window} if options.format == "blocks" else {})
        for file in files
    ]
    manifest = {"files": sorted([*kept, *new], key=lambda file: str(file["name"]))}
    return (json.dumps(manifest, indent=2) + "\n").encode()
