"""Printing: results on stdout; progress, notes and errors on stderr. All text is made safe to show first."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, TextIO

from ventriloquist.cli.invocation import typed
from ventriloquist.errors import VentriloquistError
from ventriloquist.records import Progress
from ventriloquist.safe_text import escape_json, harmless, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

NO_WIDTH = 10_000  # columns in a pipe, so that no path is broken


def note(text: str) -> None:
    """Print a line on stderr, beside the result."""
    print(harmless(text), file=sys.stderr, flush=True)


def print_error(error: VentriloquistError) -> None:
    """Print the two lines of an expected failure: what is wrong, and what to do."""
    note(f"Error: {error.what}")
    note(typed(error.hint))


def show(
    result: Any,
    rows: Iterable[tuple[str, object]],
    *,
    json: bool,
    next_step: str | None = None,
    title: str | None = None,
) -> None:
    """Print a command's result: JSON for programs, or labelled rows for people, then the next step on stderr."""
    if json:
        print_json(result)
        return
    from rich.table import Table
    from rich.text import Text

    if title:
        stdout_console().print(Text(harmless(title), style="bold"))
    table = Table.grid(padding=(0, 2))
    for label, value in rows:
        shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
        table.add_row(Text(one_line(label), style="dim"), Text(one_line(shown)))
    print_table(table)
    if next_step:
        note_next(next_step)


def stdout_console() -> Console:
    """Return a console that breaks no line if stdout is not a terminal."""
    return _console(sys.stdout)


def _console(stream: TextIO) -> Console:
    from rich.console import Console

    return Console(file=stream, highlight=False, width=None if stream.isatty() else NO_WIDTH)


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal, or in a pipe as wide as its content; lines end without spaces."""
    console = stdout_console()
    with console.capture() as captured:
        console.print(table)
    print(*(line.rstrip() for line in captured.get().split("\n")), sep="\n", end="", flush=True)


def note_next(step: str) -> None:
    """Print the next command, as it can be typed here."""
    note(f"Next: {typed(step)}")


def say(text: str, style: str = "", *, beside: bool = False) -> None:
    """Print a line of the result, or with `beside` a note, broken between words if the terminal is too narrow."""
    from rich.text import Text

    stream = sys.stderr if beside else sys.stdout
    _console(stream).print(Text(harmless(text), style=style))


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, only_if_it_fits: bool = False
) -> bool:
    """Print a table of text and a blank line. No cell is cut; in a pipe a row is one line.

    With `only_if_it_fits` print nothing if the terminal is too narrow. Return whether the table was printed.
    """
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    console = stdout_console()
    table = Table(title=Text(harmless(title), style="bold"), title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, style="" if number else "dim", header_style="dim", overflow="fold")
    for row in rows:
        table.add_row(*(Text(harmless(cell)) for cell in row))
    wanted = Measurement.get(console, console.options.update(max_width=NO_WIDTH), table).maximum
    if only_if_it_fits and wanted > console.width:
        return False
    print_table(table)
    print(flush=True)
    return True


def print_json(result: Any) -> None:
    """Print a dataclass or mapping as one line of JSON."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = jsonlib.dumps(result, ensure_ascii=not is_utf8, default=_jsonable)
    print(escape_json(text), flush=True)


def _jsonable(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return dict(value) if isinstance(value, Mapping) else str(value)


@contextmanager
def progress(description: str) -> Iterator[Progress]:
    """Show a progress bar on stderr while the block runs, if stderr is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
