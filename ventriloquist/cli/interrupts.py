"""Ctrl-C, SIGTERM and SIGHUP: each ends `vq` with its own exit code and without a traceback, wherever it comes.

Only the standard library's lightest parts are imported here: this runs before anything else.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
AGAIN_SECONDS = 0.05  # after which an interrupt that Python dropped is raised again

_received: list[int] = []  # signals that nobody has dealt with


def leave_at_once() -> None:
    """From now on a signal ends the process: there is nothing to clean up, or everything is."""
    _handle(_leave)


def unwind() -> None:
    """From now on a signal raises: locks and temporary files go, transactions are rolled back."""
    _received.clear()
    _handle(_raise)
    atexit.register(_handle, signal.SIG_IGN)  # Python's own end sets back what it handles: the exit code would change
    sys.unraisablehook = _not_raised
    threading.excepthook = _in_thread


def stopped() -> int:
    """Return the signal that ends the process, 0 without one. Whatever is raised after it is its doing."""
    return _received[0] if _received else 0


def forget() -> None:
    """Say that a Ctrl-C was dealt with and the command goes on, as a chat does."""
    _received.clear()


def finish(error: BaseException) -> NoReturn:
    """End the process as an error says, or as the signal that came before it."""
    leave_at_once()
    number = stopped()
    finished = isinstance(error, SystemExit) and not error.code
    if not number and isinstance(error, KeyboardInterrupt):
        number = signal.SIGINT
    if not number or finished:
        raise error
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # whoever read it has gone, too
            os._exit(128 + number)
    raise SystemExit(128 + number) from None


def _handle(handler: object) -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup, or a job in the background
            signal.signal(number, handler)  # type: ignore[arg-type]


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


def _raise(number: int, _frame: FrameType | None) -> None:
    _received.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _not_raised(about: sys.UnraisableHookArgs) -> None:
    """Raise an interrupt again that came where Python drops it: in a destructor or a callback of C code."""
    if not _received:
        sys.__unraisablehook__(about)
    elif isinstance(about.exc_value, KeyboardInterrupt | SystemExit):
        again = threading.Timer(AGAIN_SECONDS, signal.raise_signal, (_received[0],))
        again.daemon = True
        again.start()


def _in_thread(about: threading.ExceptHookArgs) -> None:
    if not _received:
        threading.__excepthook__(about)
