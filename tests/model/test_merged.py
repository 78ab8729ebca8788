"""An adapter that is merged into its base model in memory: chat and evaluation let it write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from adapter_builder import build_run, strengthen
from invented import NAMES, conversation
from peft import PeftModel

from ventriloquist import chat
from ventriloquist.errors import ModelError
from ventriloquist.model import adapter as adapters
from ventriloquist.model.adapter import Adapter, load_adapter
from ventriloquist.model.score import score_contents
from ventriloquist.transcript import Line, render


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return strengthen(build_run(tmp_path_factory.mktemp("runs") / "one"))


def scores(adapter: Adapter) -> np.ndarray:
    """Score a few contents with whatever the adapter's model is."""
    lines = [Line(NAMES[0], "<1m", text) for text in ("hello there", "on my way", "why? 🙂", "a" * 40)]
    return np.array(list(score_contents(adapter.model, adapter.tokenizer, render(*conversation(6, seed=2)), lines)))


def test_it_scores_the_same_to_1e_4_in_float32_and_has_no_base_model_any_more(run: Path) -> None:
    adapter = load_adapter(run)
    beside = scores(adapter)
    with adapter.disabled():
        assert np.abs(scores(adapter) - beside).max() > 0.1  # the adapter makes a difference
    merged = adapter.merged()
    assert not isinstance(merged.model, PeftModel)
    np.testing.assert_allclose(scores(merged), beside, rtol=0, atol=1e-4)
    with pytest.raises(ModelError, match="no base model"), merged.disabled():
        pass
    assert merged.merged() is merged


def test_in_bf16_merging_moves_scores_no_more_than_computing_in_bf16_does(run: Path) -> None:
    exact = scores(load_adapter(run))
    adapter = load_adapter(run)
    for name, weight in adapter.model.named_parameters():
        if "lora" not in name:  # LoRA stays in 32 bits, as on a card
            weight.data = weight.data.bfloat16()
    beside = np.abs(scores(adapter) - exact)
    merged = np.abs(scores(adapter.merged()) - exact)
    assert 0 < merged.mean() < 3 * beside.mean()


def test_weights_in_4_bits_are_not_merged(run: Path) -> None:
    adapter = load_adapter(run)
    packed = torch.nn.Parameter(torch.zeros(8, dtype=torch.uint8), requires_grad=False)  # as bitsandbytes keeps them
    adapter.model.register_parameter("packed", packed)
    assert adapter.merged() is adapter
    assert isinstance(adapter.model, PeftModel)


def test_weights_that_merging_would_make_infinite_are_one_line(run: Path) -> None:
    adapter = load_adapter(run)
    with torch.no_grad():
        for name, weight in adapter.model.named_parameters():
            if "lora_" in name:
                weight.fill_(1e30)
    with pytest.raises(ModelError, match="cannot be merged"):
        adapter.merged()


def test_a_chat_writes_with_the_merged_model(run: Path, home: Path) -> None:
    writer = chat.load_writer(replace(chat.find_voice(home, str(run)), run=run))
    assert not [module for module in writer._model.modules() if "lora" in type(module).__module__]  # type: ignore[attr-defined]


@pytest.mark.parametrize("faster", [True, False])
def test_it_writes_in_bfloat16_only_on_a_cpu_that_is_faster_in_it(
    run: Path, faster: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapters, "writes_faster_in_bfloat16", lambda *_: faster)
    adapter = load_adapter(run)
    exact = scores(adapter)
    assert adapter.writes_in_bfloat16 is faster
    writing = adapter.to_write()
    kind = torch.bfloat16 if faster else torch.float32
    assert {weight.dtype for weight in writing.model.parameters()} == {kind}
    assert {buffer.dtype for buffer in writing.model.buffers() if buffer.is_floating_point()} == {torch.float32}
    assert not isinstance(writing.model, PeftModel)
    off = np.abs(scores(writing) - exact).max()
    assert 1e-4 < off < 0.05 * exact.max() if faster else off < 1e-4
    assert writing.writes_in_bfloat16 is faster  # the key of what it writes stays the same


def test_scores_stay_in_float32_where_a_cpu_writes_in_bfloat16(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = scores(load_adapter(run))
    monkeypatch.setattr(adapters, "writes_faster_in_bfloat16", lambda *_: True)
    assert (scores(load_adapter(run)) == exact).all()
