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
from ventriloquist.paths import expanded
from ventriloquist.train.presets.same_model import same_model
from ventriloquist.train.settings import DEFAULT_MODEL, TrainSettings
from ventriloquist.values import shown, takes

MEMORY = "memory_gib"
NAMES = (  # the largest model first; for each model, the largest device first
    "qwen3-8b-80gb",
    "qwen3-8b-32gb",
    "qwen3-8b-24gb",
    "qwen3-8b-16gb",
    "qwen3-4b-24gb",
    "qwen3-4b",
    "qwen3-4b-12gb",
    "qwen3-1.7b",
    "qwen3-1.7b-8gb",
    "qwen3-0.6b",
    "qwen3-0.6b-6gb",
    "smollm2",
    "tiny",
    "mac-128gb",
    "mac-64gb",
    "mac-32gb",
    "mac-16gb",
)
NOMINAL = 0.9  # a card of 24 GB says it has 22 to 24 GiB
WITHOUT_BFLOAT16 = 0.75  # a card without bfloat16 holds as much as a smaller one: hidden states have 32 bits there
FOR_CARDS = 6  # GiB: a preset for so much memory or more is for a card


class Preset(NamedTuple):
    """Settings, and the memory of the device that they are made for."""

    memory_gib: float
    settings: TrainSettings

    def fits(self, memory_gib: float, bfloat16: bool) -> bool:
        """Return whether a card of that memory is large enough."""
        return NOMINAL * self.memory_gib <= memory_gib * (1 if bfloat16 else WITHOUT_BFLOAT16)


def _read_preset(name: str) -> Preset:
    values = tomllib.loads((Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8"))
    return Preset(values.pop(MEMORY), TrainSettings(**values))


PRESETS: dict[str, Preset] = {name: _read_preset(name) for name in NAMES}
MACS = [candidate for candidate in PRESETS.values() if candidate.settings.backend == "mlx"]  # by unified memory
CARDS = [candidate for candidate in PRESETS.values() if candidate not in MACS]


def preset(model: str, memory_gib: float | None = None, *, bfloat16: bool = True) -> TrainSettings:
    """Return the preset of a model; a model without one gets the default model's largest preset.

    Args:
        model: an id of the hub, whoever its owner is, or a folder.
        memory_gib: of the CUDA device; if it is too small for every preset, the smallest is returned. None: there is no
            CUDA device; the largest preset is returned, without weights in 4 bits.
        bfloat16: whether that device computes in bfloat16. Without it, weights are in 4 bits or else in 32.
    """
    known = same_model(model, {candidate.settings.model for candidate in CARDS})
    fitting = [candidate for candidate in CARDS if candidate.settings.model == known]
    if not fitting:
        return preset(DEFAULT_MODEL).changed(model=model)
    enough = [candidate for candidate in fitting if memory_gib is None or candidate.fits(memory_gib, bfloat16)]
    return _suited((enough or fitting[-1:])[0], memory_gib, bfloat16).changed(model=model)


def automatic_model(memory_gib: float | None, *, bfloat16: bool = True) -> str:
    """Return the model that is trained if none is named: the default one, or the largest that a smaller card holds."""
    for_cards = [candidate for candidate in CARDS if candidate.memory_gib >= FOR_CARDS]
    enough = [candidate for candidate in for_cards if memory_gib is None or candidate.fits(memory_gib, bfloat16)]
    return (enough or for_cards[-1:])[0].settings.model


def mac_preset(model: str | None, unified_gib: float) -> TrainSettings | None:
    """Return the preset for a Mac's unified memory; None if it has none for a model.

    Args:
        model: None: the one that suits the Mac.
        unified_gib: the Mac's whole memory. If it is too small for every preset, the smallest is returned.
    """
    known = model and same_model(model, {candidate.settings.model for candidate in MACS})
    fitting = [candidate for candidate in MACS if model is None or candidate.settings.model == known]
    enough = [candidate for candidate in fitting if candidate.fits(unified_gib, bfloat16=True)]
    return (enough or fitting[-1:])[0].settings.changed(backend="auto", model=model) if fitting else None


def automatic_note(
    config: str | None,
    changes: Mapping[str, object],
    *,
    memory_gib: float | None = None,
    bfloat16: bool = True,
    unified_gib: float | None = None,
) -> list[str]:
    """Return a note if no model is named and the machine holds only a smaller one than the default."""
    if changes.get("model") or (config is not None and "model" in _read_config(config, memory_gib, bfloat16)):
        return []
    if unified_gib is not None and (of_mac := mac_preset(None, unified_gib)) is not None:
        model, machine = of_mac.model, f"this Mac ({unified_gib:.0f} GiB)"
    elif memory_gib is not None:
        model = automatic_model(memory_gib, bfloat16=bfloat16)
        machine = f"this card ({memory_gib:.0f} GiB{'' if bfloat16 else ', without bfloat16'})"
    else:
        return []
    if model == DEFAULT_MODEL:
        return []
    return [f"{DEFAULT_MODEL} is too large for {machine}, so {model} is trained; --model names another"]


def _suited(candidate: Preset, memory_gib: float | None, bfloat16: bool) -> TrainSettings:
    """Return a preset's settings with weights in 4 bits only if there is a CUDA device for them."""
    four_bit = candidate.settings.four_bit or (not bfloat16 and candidate.memory_gib >= FOR_CARDS)
    return candidate.settings.changed(four_bit=four_bit and memory_gib is not None)


def resolve_settings(
    config: str | None,
    changes: Mapping[str, object],
    *,
    memory_gib: float | None = None,
    bfloat16: bool = True,
    unified_gib: float | None = None,
) -> TrainSettings:
    """Return a run's settings: the flags over the configuration over the model's preset.

    Args:
        config: a preset's name, a TOML file of settings, or the settings.json of an earlier run.
        changes: from flags; None if a flag was not given. A rank without an alpha sets alpha to twice the rank. One
            target per window without a context makes the blocks literal windows.
        memory_gib: see `preset`.
        bfloat16: see `preset`.
        unified_gib: of a Mac that trains with MLX, see `mac_preset`; a model without such a preset gets that of a card
            with `memory_gib`.

    Raises:
        SettingsError: the configuration cannot be read, or a value makes no sense.
    """
    configured = _read_config(config, memory_gib, bfloat16) if config is not None else {}
    flags = {key: value for key, value in changes.items() if value is not None}
    named = {**configured, **flags}.get("model")
    model = automatic_model(memory_gib, bfloat16=bfloat16) if named is None else str(named)
    of_mac = mac_preset(named and str(named), unified_gib) if unified_gib is not None else None
    chosen = of_mac or preset(model, memory_gib, bfloat16=bfloat16)
    for layer, source in ((configured, config), (flags, None)):
        rank = layer.get("rank")
        if isinstance(rank, int):
            layer.setdefault("alpha", 2 * rank)
        window = layer.get("window", chosen.window)
        if layer.get("targets_per_window") == 1 and isinstance(window, int):
            layer.setdefault("context", window - 1)
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


def _read_config(config: str, memory_gib: float | None, bfloat16: bool) -> dict[str, Any]:
    if config in PRESETS:
        return _suited(PRESETS[config], memory_gib, bfloat16).model_dump()
    path = expanded(config)
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
