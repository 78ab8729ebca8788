"""Keeping stdout for the result: what libraries print while a model loads and trains goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

STDOUT, STDERR = 1, 2  # file descriptors


@contextmanager
def stdout_to_stderr() -> Iterator[None]:
    """Send everything that is printed inside the block to stderr, also by compiled code and by child processes."""
    stdout = sys.stdout
    stdout.flush()
    kept = _moved()
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        stdout.flush()  # a logger may have kept it
        if kept is not None:
            os.dup2(kept, STDOUT)
            os.close(kept)


def _moved() -> int | None:
    """Let file descriptor 1 write to stderr; return a copy of what it was, or None if one of the two is closed."""
    try:
        os.fstat(STDERR)
        kept = os.dup(STDOUT)
    except OSError:
        return None
    os.dup2(STDERR, STDOUT)
    return kept
