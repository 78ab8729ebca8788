"""Opening a database of Apple's that is live, protected, or handed over by a stranger, without changing a byte of it.

Read-only, in one read transaction: that sees the newest messages, which are still in the -wal, and is consistent
while Messages writes on. A connection that may write would checkpoint the user's -wal; `immutable=1` would lose what
is in it, so that is for files that nobody has open and that have none: there it leaves no empty -wal behind.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ventriloquist.errors import SourceError
from ventriloquist.fs import require_regular
from ventriloquist.sources.imessage import trust
from ventriloquist.sources.imessage.permission import permission_error
from ventriloquist.sources.imessage.private_copy import file_state, private_copy
from ventriloquist.sources.imessage.texts import decode_text

BUSY_TIMEOUT_MS = 10_000
MAGIC = b"SQLite format 3\x00"

# SQLite's primary result codes
_BUSY, _LOCKED, _NOT_A_DATABASE, _CORRUPT = 5, 6, 26, 11
_CANNOT_OPEN, _AUTH, _PERM, _READONLY, _IOERR, _PROTOCOL = 14, 23, 3, 8, 10, 15
_NOT_PERMITTED = {_CANNOT_OPEN, _AUTH, _PERM}
_COPY_HELPS = {_CANNOT_OPEN, _AUTH, _PERM, _READONLY, _IOERR, _PROTOCOL}  # locking beside the file is what failed


class Reading(NamedTuple):
    """A database that is open."""

    connection: sqlite3.Connection
    check_unchanged: Callable[[], None]  # to be called when all is read; raises SourceError


@contextmanager
def open_untrusted(path: Path, *, what: str = "messages", wal: Path | None = None) -> Iterator[Reading]:
    """Open a database for reading, in one transaction, guarded as in `trust`.

    Args:
        path: the database.
        what: what is in it, for error messages.
        wal: its write-ahead log where it has another name than SQLite expects; makes a private copy of both.

    Raises:
        SourceError: it is missing, not permitted, locked, not a database, or damaged.
    """
    _check_readable(path, what)
    with ExitStack() as stack:
        if wal is not None:
            copy = stack.enter_context(private_copy(path, wal))
            with translated(path, what):
                reading = stack.enter_context(_reading(copy))
        else:
            reading = _open_or_copy(path, what, stack)
        yield reading


def _open_or_copy(path: Path, what: str, stack: ExitStack) -> Reading:
    """Open a database, or a private copy of it where SQLite may not lock the original."""
    try:
        return stack.enter_context(_reading(path))
    except UnicodeDecodeError as error:  # SQLite quotes what is damaged, and Python cannot decode its message
        raise _damaged(path, error) from None
    except sqlite3.DatabaseError as error:
        denied = error
    if _code(denied) not in _COPY_HELPS:
        raise _source_error(path, what, denied)
    copy = stack.enter_context(private_copy(path))
    try:
        return stack.enter_context(_reading(copy))
    except sqlite3.DatabaseError:
        raise _source_error(path, what, denied) from None  # not the copy's: it says what is to be done


@contextmanager
def translated(path: Path, what: str = "messages") -> Iterator[None]:
    """Turn what SQLite says while a source is read into what a user can do about it.

    Around reading alone, never around writing: errors of our own file must not be blamed on the source.

    Raises:
        SourceError: SQLite failed.
    """
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise _source_error(path, what, error) from None
    except UnicodeDecodeError as error:
        raise _damaged(path, error) from None


@contextmanager
def _reading(path: Path) -> Iterator[Reading]:
    """Connect, guard, and begin the one read transaction; a first query shows whether reading is permitted."""
    path = path.resolve()
    is_quiet = not any(_size(path, suffix) for suffix in ("-wal", "-journal")) and _size(path, "-shm") is None
    before = file_state(path)

    def check_unchanged() -> None:
        if is_quiet and file_state(path) != before:
            raise SourceError(f"{path} was changed while it was read.", hint="Run the command again.")

    options = "mode=ro&immutable=1" if is_quiet else "mode=ro"
    connection = sqlite3.connect(f"{path.as_uri()}?{options}", uri=True, isolation_level=None)
    try:
        connection.text_factory = decode_text
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA query_only = 1")
        trust.guard(connection, path)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield Reading(connection, check_unchanged)
    finally:
        connection.close()


def _size(path: Path, suffix: str) -> int | None:
    """Return the size of a file beside the database, None where there is none."""
    try:
        return Path(f"{path}{suffix}").stat().st_size
    except FileNotFoundError:
        return None


def _check_readable(path: Path, what: str) -> None:
    """Open the file itself first: it tells missing, not permitted and not a database apart better than SQLite.

    Raises:
        SourceError: it is one of these.
    """
    try:
        if not _is_plain(path):
            raise _not_a_database(path)
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(
            f"There is no database of {what} at {path}.",
            hint="Name one with --chat-db FILE, or an iPhone backup with --backup DIR. "
            "Messages on a Mac keeps it at ~/Library/Messages/chat.db.",
        ) from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder, not a database.", hint=f"Name the file: {path / 'chat.db'}") from None
    except OSError as error:
        raise permission_error(path, error.strerror or str(error)) from None
    if start != MAGIC:
        raise _not_a_database(path)


def _is_plain(path: Path) -> bool:
    """Tell whether SQLite would open nothing but files: a pipe or a device it may wait for without end.

    Raises:
        OSError: the database is a folder or missing, or one of them may not be read.
    """
    try:
        require_regular(path)
        for suffix in ("-wal", "-journal", "-shm"):
            with suppress(FileNotFoundError, IsADirectoryError):
                require_regular(path.with_name(path.name + suffix))
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    return True


def _code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; errors made by hand have only their text."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF
    text = str(error)
    codes = {
        "unable to open": _CANNOT_OPEN,
        "authorization denied": _AUTH,
        "not authorized": _AUTH,
        "locked": _BUSY,
        "not a database": _NOT_A_DATABASE,
        "malformed": _CORRUPT,
        "readonly": _READONLY,
        "disk I/O": _IOERR,
    }
    return next((code for start, code in codes.items() if start in text), 1)


def _source_error(path: Path, what: str, error: sqlite3.Error) -> SourceError:
    code = _code(error)
    if code in _NOT_PERMITTED:
        return permission_error(path, str(error))
    if code in (_BUSY, _LOCKED):
        return SourceError(f"{path} is locked by another program.", hint="Quit Messages and run the command again.")
    if code == _NOT_A_DATABASE:
        return _not_a_database(path)
    if trust.is_interrupted(error):
        return SourceError(
            f"{path} takes more work to read than any genuine database of {what}.",
            hint="Do not trust it. Take a fresh copy from where it came from.",
        )
    return _damaged(path, error)


def _damaged(path: Path, error: Exception) -> SourceError:
    reason = str(error) if isinstance(error, sqlite3.Error) else "not even its error can be read"
    return SourceError(
        f"{path} is damaged: {' '.join(reason.split())}.",
        hint="Take a fresh copy of it, or of its backup, and run the command again.",
    )


def _not_a_database(path: Path) -> SourceError:
    return SourceError(f"{path} is not an SQLite database.", hint="Name Messages' own database: --chat-db chat.db")
