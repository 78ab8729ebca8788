"""Cheap tests of a lower-case text, made before a pattern is tried."""

from __future__ import annotations

import re
from collections.abc import Callable

Trigger = Callable[[str], bool]

_LETTER_BEFORE_NUMBER = re.compile(r"([^\W\d_]\.?),? \d")


def always(_text: str) -> bool:
    """Try the pattern: it is cheap by itself."""
    return True


def holding(*stems: str) -> Trigger:
    """Return a trigger for texts that contain one of some stems."""

    def holds(text: str) -> bool:
        for stem in stems:  # noqa: SIM110  (any() takes twice the time, and every message passes here)
            if stem in text:
                return True
        return False

    return holds


def number_after(*endings: str) -> Trigger:
    """Return a trigger for texts with a number after a word that has one of some endings."""
    return lambda text: any(text.endswith(endings, 0, m.end(1)) for m in _LETTER_BEFORE_NUMBER.finditer(text))


def matching(pattern: str) -> Trigger:
    """Return a trigger for texts that contain a match of a pattern."""
    search = re.compile(pattern).search
    return lambda text: search(text) is not None
