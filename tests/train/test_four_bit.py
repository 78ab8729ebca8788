"""4-bit weights, executed on a CPU where bitsandbytes is: `make test-unsloth` has it, the extra `train` has not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from ventriloquist.errors import MissingExtraError
from ventriloquist.model.adapter import load_adapter
from ventriloquist.store import Connection
from ventriloquist.train import plan, preset
from ventriloquist.train.backends import Backend, adapt_to

HAS_BITSANDBYTES = find_spec("bitsandbytes") is not None
QUICK = ["--model", "tiny", "--max-steps", "3", "--max-length", "512", "--rank", "4", "--targets-per-window", "8"]


@pytest.mark.skipif(not HAS_BITSANDBYTES, reason="bitsandbytes comes with the extra `unsloth`")
@pytest.mark.parametrize("backend", ["transformers", "unsloth"])
def test_an_adapter_learns_on_weights_in_four_bits(prepared: Connection, home: Path, backend: str) -> None:
    if backend == "unsloth":
        pytest.importorskip("unsloth")
    command = [sys.executable, "-m", "ventriloquist", "train", *QUICK, "--four-bit", "--backend", backend, "--json"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert finished.returncode == 0, finished.stderr[-2000:]
    summary = json.loads(finished.stdout)
    assert summary["last_loss"] < summary["first_loss"]
    assert load_adapter(Path(summary["run"])).manifest.settings["four_bit"] is True


def test_weights_in_four_bits_take_less_in_the_plan(prepared: Connection, home: Path) -> None:
    settings = preset("tiny").changed(max_steps=1, max_length=512, targets_per_window=8, rank=4)
    if not HAS_BITSANDBYTES:
        with pytest.raises(MissingExtraError, match="bitsandbytes") as error:
            plan(prepared, settings.changed(four_bit=True), home=home)
        assert "unsloth" in error.value.hint
        return
    plain, small = (plan(prepared, settings.changed(four_bit=bits), home=home).estimate for bits in (False, True))
    assert small.memory_gib["total"] < plain.memory_gib["total"]


def test_eight_bit_moments_and_gradient_checkpointing_are_for_accelerators() -> None:
    settings = adapt_to(preset("tiny"), Backend("transformers", ""), "cpu")
    assert (settings.adam_8bit, settings.gradient_checkpointing) == (False, False)
    assert adapt_to(preset("tiny"), Backend("transformers", ""), "mps").gradient_checkpointing is None  # left open
    assert adapt_to(preset("tiny"), Backend("transformers", ""), "cuda").adam_8bit == HAS_BITSANDBYTES
