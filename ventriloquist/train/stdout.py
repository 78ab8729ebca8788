"""Keeping stdout for the result: what libraries print while a model loads and trains goes to stderr."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

STDOUT, STDERR = 1, 2  # file descriptors


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send everything that is printed inside the block to stderr, also by compiled code and by child processes."""
    if sys.stdout is None:  # it was closed when Python started, so descriptor 1 may be any other file
        yield
        return
    stdout = sys.stdout
    _flush(stdout)
    kept = _moved()
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _flush(stdout)
        if kept is not None:
            os.dup2(kept, STDOUT)
            os.close(kept)


def _flush(stdout: TextIO) -> None:
    """Write out what Python and the C library have buffered: a logger may write to `stdout`, compiled code to C's."""
    stdout.flush()
    with suppress(OSError, AttributeError, TypeError):  # a system on which ctypes does not find fflush
        ctypes.CDLL(None).fflush(None)


def _moved() -> int | None:
    """Let file descriptor 1 write to stderr; return a copy of what it was, or None if one of the two is closed."""
    try:
        os.fstat(STDERR)
        kept = os.dup(STDOUT)
    except OSError:
        return None
    os.dup2(STDERR, STDOUT)
    return kept
