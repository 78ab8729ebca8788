"""Ctrl-C, SIGTERM and SIGHUP: each ends `vq` with its own exit code and without a traceback, at any time.

This runs before anything else, so it imports only light parts of the standard library.
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
AGAIN_SECONDS = 0.05  # delay until an interrupt that Python dropped is raised again

_received: list[int] = []  # signals not handled yet


def leave_at_once() -> None:
    """Let a signal end the process at once, before or after there is anything to clean up."""
    _handle(_leave)


def unwind() -> None:
    """Let a signal raise, so that locks and temporary files are removed and transactions rolled back."""
    _received.clear()
    _handle(_raise)
    atexit.register(_handle, signal.SIG_IGN)  # else Python's own handlers would change the exit code
    sys.unraisablehook = _not_raised
    threading.excepthook = _in_thread


def stopped() -> int:
    """Return the signal that is ending the process, or 0. Errors raised after it are its consequences."""
    return _received[0] if _received else 0


def forget() -> None:
    """Mark a Ctrl-C as handled: the command continues, as a chat does."""
    _received.clear()


def finish(error: BaseException) -> NoReturn:
    """End the process with the exit code of an error, or of the signal that came before it."""
    leave_at_once()
    number = stopped() or (signal.SIGINT if isinstance(error, KeyboardInterrupt) else 0)
    if not number or (isinstance(error, SystemExit) and not error.code):
        raise error
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # its reader is gone, too
            os._exit(128 + number)
    raise SystemExit(128 + number) from None


def _handle(handler: object) -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # unless ignored by nohup or for a background job
            signal.signal(number, handler)  # type: ignore[arg-type]


def _leave(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


def _raise(number: int, frame: FrameType | None) -> None:
    if _is_loading_torch():
        _leave(number, frame)
    _received.append(number)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)


def _is_loading_torch() -> bool:
    """Tell whether torch is being imported: an exception in the middle of its C++ would abort the process."""
    torch = sys.modules.get("torch")
    return bool(getattr(getattr(torch, "__spec__", None), "_initializing", False))


def _not_raised(about: sys.UnraisableHookArgs) -> None:
    """Raise an interrupt again if Python dropped it, as in a destructor or a callback from C."""
    if not _received:
        sys.__unraisablehook__(about)
    elif isinstance(about.exc_value, KeyboardInterrupt | SystemExit):
        again = threading.Timer(AGAIN_SECONDS, signal.raise_signal, (_received[0],))
        again.daemon = True
        again.start()


def _in_thread(about: threading.ExceptHookArgs) -> None:
    if not _received:
        threading.__excepthook__(about)
