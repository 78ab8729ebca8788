"""Choosing the settings of a new run for this machine."""

from __future__ import annotations

from collections.abc import Mapping

from ventriloquist.train.backends import machine_memory
from ventriloquist.train.presets import automatic_note, resolve_settings
from ventriloquist.train.settings import TrainSettings


def choose_settings(config: str | None, changes: Mapping[str, object]) -> tuple[TrainSettings, list[str]]:
    """Return the settings of a new run on this machine, and notes on how they were chosen; see `resolve_settings`."""
    machine = machine_memory(changes.get("backend"))
    return resolve_settings(config, changes, **machine), automatic_note(config, changes, **machine)
