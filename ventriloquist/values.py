"""Describing the values that a setting takes, for errors about options, files and variables."""

from __future__ import annotations

import math
import types
from collections.abc import Iterable
from typing import Any, Literal, Union, get_args, get_origin

MAX_SHOWN = 60  # characters of a refused value
NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def takes(annotation: Any, bounds: Iterable[object] = ()) -> str:
    """Return which values a type with bounds allows, such as `a whole number of 1 or more`.

    Args:
        annotation: a type, an optional one, a literal or a list.
        bounds: objects with any of the attributes ge, gt, le and lt, as in annotated-types.
    """
    if get_origin(annotation) in (Union, types.UnionType):
        annotation = next(part for part in get_args(annotation) if part is not type(None))
    if get_origin(annotation) is Literal:
        *others, last = map(str, get_args(annotation))
        return f"{', '.join(others)} or {last}" if others else last
    if get_origin(annotation) is list:
        return f"a list in which each item is {takes(get_args(annotation)[0])}"
    limits = {
        name: getattr(bound, name) for bound in bounds for name in ("ge", "gt", "le", "lt") if hasattr(bound, name)
    }
    return f"{NAMES.get(annotation, 'another kind of value')}{_between(**limits)}"


def _between(ge: Any = None, gt: Any = None, le: Any = None, lt: Any = None) -> str:
    if ge is not None and le is not None:
        return f" from {ge:,} to {le:,}"
    low = f" of {ge:,} or more" if ge is not None else f" above {gt:,}" if gt is not None else ""
    high = f" of at most {le:,}" if le is not None else f" below {lt:,}" if lt is not None else ""
    return f"{low}, and{high}" if low and high else low + high


def shown(value: object) -> str:
    """Return a refused value as an error shows it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"
