"""What `vq train` picks for each card if nothing is named, and that this fits the card."""

from __future__ import annotations

import pytest
from cards import CARDS, Pick, pick

from ventriloquist.train import resolve_settings
from ventriloquist.train.presets import PRESETS, automatic_note

PICKED = {  # GiB: model, bits, gradient checkpointing, K, tokens a row
    6: ("Qwen3-0.6B", 16, True, 24, 3072),
    8: ("Qwen3-1.7B", 4, True, 32, 4096),
    12: ("Qwen3-4B", 4, True, 32, 4096),
    16: ("Qwen3-8B", 4, True, 32, 4096),
    24: ("Qwen3-8B", 4, True, 64, 6144),
    32: ("Qwen3-8B", 16, True, 64, 6144),
    40: ("Qwen3-8B", 16, True, 64, 6144),
    48: ("Qwen3-8B", 16, True, 64, 6144),
    72: ("Qwen3-8B", 16, True, 64, 6144),
    80: ("Qwen3-8B", 16, False, 64, 6144),
    141: ("Qwen3-8B", 16, False, 64, 6144),
}
WITHOUT_BFLOAT16 = {
    6: ("Qwen3-0.6B", 4, True, 24, 3072),
    8: ("Qwen3-0.6B", 4, True, 24, 3072),
    11: ("Qwen3-1.7B", 4, True, 32, 4096),
    16: ("Qwen3-4B", 4, True, 32, 4096),
    24: ("Qwen3-8B", 4, True, 32, 4096),
    32: ("Qwen3-8B", 4, True, 64, 6144),
    48: ("Qwen3-8B", 4, True, 64, 6144),
}


def brief(picked: Pick) -> tuple[str, int, bool, int, int]:
    settings = picked.settings
    name = settings.model.removeprefix("unsloth/").removesuffix("-Base")
    bits = 4 if settings.four_bit else 16
    return name, bits, bool(settings.gradient_checkpointing), settings.targets_per_window, settings.max_length


@pytest.mark.parametrize("share", [1.0, 0.98, 0.92])  # of its nominal memory that a card says it has
@pytest.mark.parametrize("gib", PICKED)
def test_a_card_gets_what_fits_it_best(gib: int, share: float) -> None:
    picked = pick(share * gib)
    assert brief(picked) == PICKED[gib]
    assert picked.settings.rank == 128
    assert picked.needed_gib <= 0.92 * share * gib


@pytest.mark.parametrize("share", [1.0, 0.91])  # a T4 of 16 GB says 14.6 GiB
@pytest.mark.parametrize("gib", WITHOUT_BFLOAT16)
def test_a_card_without_bfloat16_gets_what_fits_it_in_four_bits(gib: int, share: float) -> None:
    picked = pick(share * gib, bfloat16=False)
    assert brief(picked) == WITHOUT_BFLOAT16[gib]
    assert picked.settings.backend == "transformers"
    assert picked.needed_gib <= 0.92 * share * gib


def test_the_table_of_the_docs_has_every_card() -> None:
    assert [gib for gib, bfloat16, _ in CARDS if bfloat16] == list(PICKED)


def test_with_transformers_alone_every_automatic_choice_fits_as_well() -> None:
    for gib in PICKED:
        picked = pick(0.97 * gib, backend="transformers")
        assert brief(picked)[:2] == PICKED[gib][:2]
        assert picked.needed_gib <= 0.92 * gib


def test_a_smaller_model_than_the_default_is_told() -> None:
    assert automatic_note(None, {}, memory_gib=23.6) == automatic_note(None, {}) == []
    assert automatic_note(None, {"model": "unsloth/Qwen3-4B-Base"}, memory_gib=8) == []
    assert automatic_note("qwen3-0.6b", {"model": None}, memory_gib=8) == []
    (said,) = automatic_note(None, {"model": None}, memory_gib=7.8)
    assert "8 GiB" in said
    assert "unsloth/Qwen3-1.7B-Base is trained" in said
    assert "bfloat16" in automatic_note(None, {}, memory_gib=14.6, bfloat16=False)[0]


def test_without_bfloat16_only_presets_for_cards_are_in_four_bits() -> None:
    for name, preset in PRESETS.items():
        four_bit = resolve_settings(name, {}, memory_gib=16, bfloat16=False).four_bit
        assert four_bit == (preset.memory_gib >= 6), name
