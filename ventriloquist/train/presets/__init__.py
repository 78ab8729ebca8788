"""Presets: settings that fit a model and a device, each value with its reason. Flags and `--config` override them.

A preset is a TOML file beside this module; `--config` takes files of the same form.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ventriloquist.errors import SettingsError
from ventriloquist.fs import require_regular
from ventriloquist.train.settings import DEFAULT_MODEL, TrainSettings
from ventriloquist.values import shown, takes

MEMORY = "memory_gib"
NAMES = (  # for each model, the largest device first
    "qwen3-8b-80gb",
    "qwen3-8b-24gb",
    "qwen3-8b-16gb",
    "qwen3-4b",
    "qwen3-1.7b",
    "qwen3-0.6b",
    "smollm2",
    "tiny",
    "mac-128gb",
    "mac-64gb",
    "mac-32gb",
    "mac-16gb",
)
NOMINAL = 0.9  # a card of 24 GB says it has 22 to 24 GiB


class Preset(NamedTuple):
    """Settings, and the memory of the device that they are made for."""

    memory_gib: float
    settings: TrainSettings


def _read_preset(name: str) -> Preset:
    values = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    return Preset(values.pop(MEMORY), TrainSettings(**values))


PRESETS: dict[str, Preset] = {name: _read_preset(name) for name in NAMES}
MACS = [candidate for candidate in PRESETS.values() if candidate.settings.backend == "mlx"]  # by unified memory
CARDS = [candidate for candidate in PRESETS.values() if candidate not in MACS]


def preset(model: str, memory_gib: float | None = None) -> TrainSettings:
    """Return the preset of a model; a model without one gets the default model's largest preset.

    Args:
        memory_gib: of the CUDA device; if it is too small for every preset, the smallest is returned. None: there is no
            CUDA device; the largest preset is returned, without weights in 4 bits.
    """
    fitting = [candidate for candidate in CARDS if candidate.settings.model == model]
    if not fitting:
        return preset(DEFAULT_MODEL).changed(model=model)
    enough = [candidate for candidate in fitting if memory_gib is None or NOMINAL * candidate.memory_gib <= memory_gib]
    return _suited((enough or fitting[-1:])[0].settings, memory_gib)


def mac_preset(model: str | None, unified_gib: float) -> TrainSettings | None:
    """Return the preset for a Mac's unified memory; None if it has none for a model.

    Args:
        model: None: the one that suits the Mac.
        unified_gib: the Mac's whole memory. If it is too small for every preset, the smallest is returned.
    """
    fitting = [candidate for candidate in MACS if model in (None, candidate.settings.model)]
    enough = [candidate for candidate in fitting if NOMINAL * candidate.memory_gib <= unified_gib]
    return (enough or fitting[-1:])[0].settings.changed(backend="auto") if fitting else None


def _suited(settings: TrainSettings, memory_gib: float | None) -> TrainSettings:
    """Return settings with weights in 4 bits only if there is a GPU for them."""
    return settings.changed(four_bit=settings.four_bit and memory_gib is not None)


def resolve_settings(
    config: str | None,
    changes: Mapping[str, object],
    *,
    memory_gib: float | None = None,
    unified_gib: float | None = None,
) -> TrainSettings:
    """Return a run's settings: the flags over the configuration over the model's preset.

    Args:
        config: a preset's name, a TOML file of settings, or the settings.json of an earlier run.
        changes: from flags; None if a flag was not given. A rank without an alpha sets alpha to twice the rank.
        memory_gib: see `preset`.
        unified_gib: of a Mac that trains with MLX, see `mac_preset`; a model without such a preset gets that of a card
            with `memory_gib`.

    Raises:
        SettingsError: the configuration cannot be read, or a value makes no sense.
    """
    configured = _read_config(config, memory_gib) if config is not None else {}
    flags = {key: value for key, value in changes.items() if value is not None}
    named = {**configured, **flags}.get("model")
    of_mac = mac_preset(named and str(named), unified_gib) if unified_gib is not None else None
    chosen = of_mac or preset(str(named or DEFAULT_MODEL), memory_gib)
    for layer, source in ((configured, config), (flags, None)):
        rank = layer.get("rank")
        if isinstance(rank, int):
            layer.setdefault("alpha", 2 * rank)
        try:
            chosen = TrainSettings(**{**chosen.model_dump(), **layer})
        except ValidationError as error:
            raise _refused(error, source) from None
    return chosen


def _refused(error: ValidationError, source: str | None) -> SettingsError:
    """Return the error of a value, named by its file or by its flag."""
    first = error.errors()[0]
    name = str(first["loc"][0])
    field = TrainSettings.model_fields.get(name)
    if field is None:
        near = difflib.get_close_matches(name, TrainSettings.model_fields, n=1)
        return SettingsError(
            f"{source} has the unknown setting {shown(name)}.",
            hint=f"Did you mean {near[0]}?" if near else f"Settings: {', '.join(TrainSettings.model_fields)}",
        )
    named = f"{name} in {source}" if source else f"--{name.replace('_', '-')}"
    return SettingsError(
        f"{named} takes {takes(field.annotation, field.metadata)}, not {shown(first['input'])}.",
        hint=f"Correct it in {source}." if source else "See: vq train --help",
    )


def _read_config(config: str, memory_gib: float | None) -> dict[str, Any]:
    if config in PRESETS:
        return _suited(PRESETS[config].settings, memory_gib).model_dump()
    path = Path(config).expanduser()
    try:
        require_regular(path)
        text = path.read_text(encoding="utf-8")
        values = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{config} is neither a preset nor a file of settings: {getattr(error, 'strerror', None) or error}.",
            hint=f"Presets: {', '.join(PRESETS)}",
        ) from None
    if not isinstance(values, dict):
        raise SettingsError(f"{config} has no table of settings.", hint=f"Presets: {', '.join(PRESETS)}")
    values.pop(MEMORY, None)  # a copy of a preset has it
    return values
