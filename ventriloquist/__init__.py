"""Ventriloquist: learn to write like the people you text with."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ventriloquist.errors import VentriloquistError as VentriloquistError
    from ventriloquist.home import Home as Home
    from ventriloquist.prepare import PrepareOptions as PrepareOptions
    from ventriloquist.train import TrainSettings as TrainSettings

__version__: str

# The public API, imported when it is asked for: the command line must start fast.
_MODULE_OF = {
    "Home": "home",
    "PrepareOptions": "prepare",
    "TrainSettings": "train",
    "VentriloquistError": "errors",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ventriloquist-cli")
    if name in _MODULE_OF:
        return getattr(import_module(f"ventriloquist.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *_MODULE_OF]
