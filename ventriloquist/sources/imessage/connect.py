"""Opening one of Apple's databases, which may be live, protected or malicious, without changing a byte of it.

It is opened read-only, in one read transaction. That includes the newest messages, which are still in the -wal, and
stays consistent while Messages writes. A writable connection would checkpoint the user's -wal. `immutable=1` ignores
the -wal, so it is used only if there is none and no process has the file open; then no empty -wal is left behind.
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
from ventriloquist.settings import home_folder
from ventriloquist.sources.imessage import hardening
from ventriloquist.sources.imessage.permission import permission_error
from ventriloquist.sources.imessage.private_copy import file_state, private_copy
from ventriloquist.sources.imessage.texts import decode_text

BUSY_TIMEOUT_MS = 10_000
MAGIC = b"SQLite format 3\x00"

_NOT_PERMITTED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_PERM}
# SQLite could not lock the file, but can lock a copy.
_COPY_HELPS = _NOT_PERMITTED | {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL}


class Reading(NamedTuple):
    """A database that is open."""

    connection: sqlite3.Connection
    check_unchanged: Callable[[], None]  # call it when everything is read; raises SourceError


@contextmanager
def open_untrusted(
    path: Path, *, what: str = "messages", wal: Path | None = None, home: Path | None = None
) -> Iterator[Reading]:
    """Open a database for reading, in one transaction, with the limits of `hardening`.

    Args:
        path: the database.
        what: its content, for error messages.
        wal: its write-ahead log, if it has another name than SQLite expects. Both are then read from a private copy.
        home: VQ_HOME, in which a private copy is made if one is needed. Default: the one of the settings.

    Raises:
        SourceError: it is missing, not permitted, locked, not a database, or damaged.
    """
    _check_readable(path, what)
    with ExitStack() as stack:
        if wal is None:
            reading = _open_or_copy(path, what, home, stack)
        else:
            copy = stack.enter_context(private_copy(path, home or home_folder(), wal))
            with translated(path, what):
                reading = stack.enter_context(_reading(copy))
        yield reading


def _open_or_copy(path: Path, what: str, home: Path | None, stack: ExitStack) -> Reading:
    """Open a database, or a private copy of it if SQLite cannot lock the original."""
    try:
        return stack.enter_context(_reading(path))
    except UnicodeDecodeError as error:  # SQLite's message quotes damaged bytes
        raise _damaged(path, error) from None
    except sqlite3.DatabaseError as error:
        denied = error
    if _code(denied) not in _COPY_HELPS:
        raise _source_error(path, what, denied)
    copy = stack.enter_context(private_copy(path, home or home_folder()))
    try:
        return stack.enter_context(_reading(copy))
    except sqlite3.DatabaseError:
        raise _source_error(path, what, denied) from None  # the original's error tells what to do


@contextmanager
def translated(path: Path, what: str = "messages") -> Iterator[None]:
    """Turn an error of SQLite while reading a source into a SourceError with a hint.

    Wrap only reading in it, never writing: an error of our own file must not be blamed on the source.

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
    """Connect, set the limits, begin the read transaction, and run a first query to find out whether reading works."""
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
        hardening.limit(connection, path)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield Reading(connection, check_unchanged)
    finally:
        connection.close()


def _size(path: Path, suffix: str) -> int | None:
    """Return the size of a file beside the database, or None if there is no such file."""
    try:
        return Path(f"{path}{suffix}").stat().st_size
    except FileNotFoundError:
        return None


def _check_readable(path: Path, what: str) -> None:
    """Open the file itself first, because SQLite's errors do not say whether it is missing or not permitted.

    Raises:
        SourceError: it is missing, not permitted, or not a database.
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
    """Tell whether the database and the files beside it are regular files: a pipe could block SQLite forever.

    Raises:
        OSError: the database is a folder or missing, or one of the files is not permitted.
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
    """Return SQLite's primary result code. Errors that Python code raised have only a text."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF
    text = str(error)
    codes = {
        "unable to open": sqlite3.SQLITE_CANTOPEN,
        "authorization denied": sqlite3.SQLITE_AUTH,
        "not authorized": sqlite3.SQLITE_AUTH,
        "locked": sqlite3.SQLITE_BUSY,
        "not a database": sqlite3.SQLITE_NOTADB,
        "malformed": sqlite3.SQLITE_CORRUPT,
        "readonly": sqlite3.SQLITE_READONLY,
        "disk I/O": sqlite3.SQLITE_IOERR,
        "interrupted": sqlite3.SQLITE_INTERRUPT,
    }
    return next((code for start, code in codes.items() if start in text), 1)


def _source_error(path: Path, what: str, error: sqlite3.Error) -> SourceError:
    code = _code(error)
    if code in _NOT_PERMITTED:
        return permission_error(path, str(error))
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return SourceError(f"{path} is locked by another program.", hint="Quit Messages and run the command again.")
    if code == sqlite3.SQLITE_NOTADB:
        return _not_a_database(path)
    if code == sqlite3.SQLITE_INTERRUPT:  # by the limits of `hardening`
        return SourceError(
            f"{path} takes more work to read than any genuine database of {what}.",
            hint="Do not trust it. Take a fresh copy from where it came from.",
        )
    return _damaged(path, error)


def _damaged(path: Path, error: Exception) -> SourceError:
    reason = str(error) if isinstance(error, sqlite3.Error) else "its error message is unreadable"
    return SourceError(
        f"{path} is damaged: {' '.join(reason.split())}.",
        hint="Take a fresh copy of it, or of its backup, and run the command again.",
    )


def _not_a_database(path: Path) -> SourceError:
    return SourceError(f"{path} is not an SQLite database.", hint="Name Messages' own database: --chat-db chat.db")
