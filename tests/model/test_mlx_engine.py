"""MLX reads as transformers does: `make test-mlx`. Elsewhere this is skipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ventriloquist.errors import ModelError
from ventriloquist.model.base import Base
from ventriloquist.model.engine import Branch, Engine, Rows, engine_of
from ventriloquist.model.mlx_base import MLX_KINDS, MLX_SLIDES, load_mlx_base
from ventriloquist.model.prefix_cache import Continuation, PrefixCache

pytest.importorskip("mlx.core")

from ventriloquist.model import mlx_engine

VOCABULARY = 200
IDS = np.random.default_rng(0).integers(0, VOCABULARY, 60).astype(np.uint32)


def build(kind: str, folder: Path, **changes: object) -> Any:
    """Write a small random model of a kind into a folder, and return it."""
    from transformers import AutoConfig, AutoModelForCausalLM

    if kind in MLX_SLIDES:
        changes = {"sliding_window": 16, **changes}
    if kind == "mistral":
        changes = {"sliding_window": None, **changes}
    config = AutoConfig.for_model(
        kind, vocab_size=VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=6, num_attention_heads=4,
        num_key_value_heads=2, head_dim=16, bos_token_id=0, eos_token_id=0, pad_token_id=0, **changes,
    )  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data.mul_(3)  # so that the logits differ
    model.save_pretrained(folder)
    return model


@pytest.fixture(scope="module", params=MLX_KINDS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Engine]:
    folder = tmp_path_factory.mktemp(request.param)
    model = build(request.param, folder)
    return engine_of(model), mlx_engine.MlxModel(load_mlx_base(Base(str(folder))), VOCABULARY)


def read_one_row(engine: Engine) -> list[Any]:
    row = engine.rows()
    read = [row.feed([IDS[:20].tolist()]), row.feed([IDS[20:40].tolist()])]
    if not row.crop(25):  # a window slid over it
        row.feed([IDS[:25].tolist()])
    read.append(row.feed([[7, 8, 9]]))
    whole = (0, 28)
    return [*read, *read_forks(row, [whole, whole if engine.slides else (0, 4), whole]), row.feed([[4]])]


def read_forks(rows: Rows, parts: list[tuple[int, int]]) -> list[Any]:
    forks = rows.fork(parts)
    read = forks.feed([[1, 5], [2, 6], [3, 7]])
    forks.select([2, 0])
    return [read, forks.feed([[9], [7]])]


def read_padded_rows(engine: Engine) -> list[Any]:
    rows = engine.rows()
    read = [rows.feed([IDS[:5].tolist(), IDS[5:35].tolist(), IDS[35:48].tolist()]), rows.feed([[1], [2], [3]])]
    if not engine.slides:
        read += [*read_forks(rows, [(1, 31), (0, 6), (1, 9)]), *read_forks(rows, [(0, 2), (2, 2), (2, 2)])]
    rows.select([0, 2])
    return [*read, rows.feed([[5], [6]]), rows.feed([[7], [8]])]


def score_branches(engine: Engine) -> list[Any]:
    cache = PrefixCache(engine, IDS, [(index, int(IDS[index + 1])) for index in range(10, 59)])
    lengths = ((60, 4), (30, 9), (1, 3), (59, 1))
    branches = [
        Continuation(at, IDS[:n].tolist(), [(i, (7 * i + at) % VOCABULARY) for i in range(n)]) for at, n in lengths
    ]
    return [cache.nats, *cache.score(branches), *cache.score(branches[1:2])]


@pytest.mark.parametrize("read", [read_one_row, read_padded_rows, score_branches])
def test_every_kind_reads_as_in_transformers(both: tuple[Engine, Engine], read: Any) -> None:
    with_torch, with_mlx = (read(engine) for engine in both)
    for expected, found in zip(with_torch, with_mlx, strict=True):
        assert np.abs(np.asarray(expected) - np.asarray(found)).max() < 1e-4


def test_a_window_that_nothing_has_left_is_cropped(tmp_path: Path) -> None:
    with_torch = engine_of(build("gemma3_text", tmp_path, sliding_window=64))
    row = mlx_engine.MlxModel(load_mlx_base(Base(str(tmp_path))), VOCABULARY).rows()
    row.feed([IDS[:40].tolist()])
    assert row.crop(25) == 25
    expected = with_torch.rows().feed([[*IDS[:25].tolist(), 7, 8, 9]])
    assert np.abs(np.asarray(expected) - np.asarray(row.feed([[7, 8, 9]]))).max() < 1e-4


@pytest.mark.parametrize(
    ("kind", "changes", "why"),
    [("gemma2", {}, "gemma2"), ("mistral", {"sliding_window": 32}, "sliding"), ("stablelm", {}, "stablelm")],
)
def test_a_model_that_mlx_computes_otherwise_is_refused(
    tmp_path: Path, kind: str, changes: dict[str, object], why: str
) -> None:
    build(kind, tmp_path, **changes)
    with pytest.raises(ModelError, match=f"MLX cannot run .*{why}"):
        load_mlx_base(Base(str(tmp_path)))


def test_branches_are_scored_alike_in_small_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build("llama", tmp_path)
    rows = mlx_engine.MlxModel(load_mlx_base(Base(str(tmp_path))), VOCABULARY).rows()
    nothing = np.array([], dtype=np.int64)
    rows.score(IDS, nothing, nothing)
    branches = [Branch(at, [3, 5, at][: 1 + at % 3], [(0, 9), (at % 3, 11)]) for at in range(20, 40)]
    at_once = rows.score_branches(branches)
    monkeypatch.setattr(mlx_engine, "BRANCH_TOKENS", 150)  # two branches at most
    assert rows.score_branches(branches) == pytest.approx(at_once, abs=1e-5)
