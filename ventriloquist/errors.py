"""The errors that users see.

Each is shown in two lines: what is wrong, and what to do. Any other exception is a bug and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ventriloquist.spelling import fold

MAX_SUGGESTED = 3  # names
SHOWN = 15  # names, if none is near
MAX_NAME = 40  # characters of each


class VentriloquistError(Exception):
    """An expected failure: `what` is wrong, and `hint` is what to run or do about it."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class SettingsError(VentriloquistError):
    """A setting is missing or makes no sense."""


class SourceError(VentriloquistError):
    """The messages or contacts to read are missing, damaged or not permitted."""


class NotReadyError(VentriloquistError):
    """A command ran before the one it depends on."""


class BusyError(VentriloquistError):
    """Another run holds the lock."""


class StorageError(VentriloquistError):
    """Our own file or folder cannot be read or written."""


class MissingExtraError(VentriloquistError):
    """An optional part is not installed."""


class ModelError(VentriloquistError):
    """A base model, adapter or manifest cannot be used."""


class UnknownNameError(VentriloquistError):
    """No person or conversation has this name. The hint suggests similar ones."""

    def __init__(self, name: str, known: Iterable[str], *, noun: str = "person") -> None:
        known = list(known)
        folded = {fold(candidate): candidate for candidate in known}
        wanted = fold(name)
        matches = [candidate for candidate in folded if wanted and wanted in candidate.split()][:MAX_SUGGESTED]
        matches = matches or difflib.get_close_matches(wanted, folded, n=MAX_SUGGESTED, cutoff=0.5)
        near = ", ".join(repr(folded[match]) for match in matches)
        there_are = ", ".join(repr(candidate[:MAX_NAME]) for candidate in sorted(known)[:SHOWN])
        more = " and others." if len(known) > SHOWN else "."
        super().__init__(
            f"No {noun} is called {name!r}.",
            hint=f"Did you mean {near}?" if near else f"Known names: {there_are}{more}" if known else "Run: vq collect",
        )
