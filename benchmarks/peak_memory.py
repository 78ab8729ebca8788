"""The peak memory of a function, measured in a fresh process; other scripts import this."""

from __future__ import annotations

import multiprocessing
import resource
import sys
from collections.abc import Callable
from typing import Any


def _measure(function: Callable[..., Any], arguments: tuple[Any, ...], results: Any) -> None:
    result = function(*arguments)
    unit = 1 if sys.platform == "darwin" else 1024
    results.put((result, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit))


def in_a_process(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Run a function in a fresh process; return its result and the peak memory in MB."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_measure, args=(function, arguments, results))
    process.start()
    result, peak = results.get()
    process.join()
    return result, peak / 1e6
