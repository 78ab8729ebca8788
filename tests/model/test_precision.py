"""The number types of a device, with cards that this machine does not have."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch

from ventriloquist.model import precision as precisions
from ventriloquist.model.precision import (
    autocast,
    bfloat16_speedup,
    has_bfloat16,
    precision,
    writes_faster_in_bfloat16,
)

Cards = Callable[..., None]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Cards:
    """Return a function that makes torch report cards, by compute capability or by AMD's name."""

    def report(*capabilities: tuple[int, int], amd: str | None = None) -> None:
        monkeypatch.setattr(torch.version, "hip", "7.0" if amd else None)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda card=None: capabilities[card or 0])
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _=0: SimpleNamespace(gcnArchName=amd))

    return report


@pytest.mark.parametrize("capability", [(8, 0), (8, 6), (8, 9), (9, 0), (12, 0)])
def test_cards_since_ampere_compute_in_bfloat16(cards: Cards, capability: tuple[int, int]) -> None:
    cards(capability)
    assert precision("cuda") == precision("cuda:0") == (torch.bfloat16, torch.bfloat16)


@pytest.mark.parametrize("capability", [(7, 5), (7, 0), (6, 1)])  # T4, RTX 20xx; V100; P40, GTX 10xx
def test_older_cards_get_weights_in_32_bits_and_multiply_in_float16(cards: Cards, capability: tuple[int, int]) -> None:
    cards(capability)
    assert precision("cuda") == precision("cuda:0") == (torch.float32, torch.float16)
    assert autocast("cuda").fast_dtype == torch.float16  # type: ignore[attr-defined]


def test_the_card_that_is_used_decides(cards: Cards) -> None:
    cards((8, 9), (6, 1))  # a second one for the screen
    assert has_bfloat16("cuda")
    assert not has_bfloat16("cuda:1")


@pytest.mark.parametrize(
    ("amd", "has"),
    [
        ("gfx90a:sramecc+:xnack-", True),
        ("gfx942", True),
        ("gfx1100", True),
        ("gfx1201", True),
        ("gfx908", True),
        ("gfx1030", False),
        ("gfx1010:xnack-", False),
        ("gfx906:sramecc-:xnack-", False),
        ("gfx909", False),
        ("gfx803", False),
    ],
)
def test_amds_cards_are_known_by_their_architecture(cards: Cards, amd: str, has: bool) -> None:
    cards(amd=amd)
    assert has_bfloat16("cuda") is has


def test_a_cpu_and_a_mac_keep_their_types() -> None:
    assert precision("cpu") == precision("cpu", False) == (torch.float32, torch.float32)
    assert precision("mps") == (torch.bfloat16, torch.bfloat16)


def test_a_cpu_trains_in_bfloat16_if_it_is_asked_to() -> None:
    assert precision("cpu", True) == (torch.bfloat16, torch.bfloat16)
    product = torch.ones(2, 2) @ torch.ones(2, 2)
    with autocast("cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == product.dtype
    with autocast("cpu", True):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16


def test_the_speedup_of_bfloat16_is_measured_without_touching_random_numbers() -> None:
    state = torch.random.get_rng_state()
    assert 0 < bfloat16_speedup(256, 512) < 100
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_coarse_count_of_processor_time_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "process_time", lambda: 0.0)  # so coarse that each product takes no time
    assert bfloat16_speedup(256, 512) == 0
    monkeypatch.setattr(time, "get_clock_info", lambda _name: SimpleNamespace(resolution=1 / 64))
    assert 0 < bfloat16_speedup(256, 512) < 100


def test_a_model_too_small_to_gain_from_it_writes_in_float32() -> None:
    assert not writes_faster_in_bfloat16(64, 128)


@pytest.mark.parametrize(("read", "write", "faster"), [(2.0, 1.6, True), (2.0, 1.1, False), (0.4, 1.6, False)])
def test_a_cpu_writes_in_bfloat16_if_it_reads_and_writes_faster_in_it(
    read: float, write: float, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precisions, "bfloat16_speedup", lambda _hidden, _inside, tokens: write if tokens == 1 else read)
    writes_faster_in_bfloat16.cache_clear()
    assert writes_faster_in_bfloat16(512, 1024) is faster
    writes_faster_in_bfloat16.cache_clear()
