"""An evaluation with MLX gives the figures of transformers: `make test-mlx`. Elsewhere this is skipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from adapter_builder import build_run, strengthen
from file_builder import Conversation, Message, filled
from invented import NAMES, lines
from stages import prepare

from ventriloquist import evaluate
from ventriloquist.evaluate import Extent
from ventriloquist.model.manifest import read_manifest
from ventriloquist.prepare import PrepareOptions

pytest.importorskip("mlx.core")

from ventriloquist.model.mlx_engine import MlxModel

EXTENT = Extent(likelihood=6, identity=4, validity=4, validity_context=2)


def test_an_evaluation_with_mlx_gives_the_figures_of_transformers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, *others = NAMES
    said = [
        Conversation([Message(owner if i % 2 else name, one.content) for i, one in enumerate(lines(60, seed=n))])
        for n, name in enumerate(others)
    ]
    used = []
    monkeypatch.setattr(MlxModel, "rows", lambda self, rows=MlxModel.rows: used.append(1) or rows(self))
    home = tmp_path / "home"
    with filled(home, said, owner=owner) as db:
        prepare(db, PrepareOptions(holdout=24))
        run = strengthen(build_run(home / "runs" / "one", window=9))
        first = db.execute(
            "SELECT conversation_id, min(position) FROM training_messages WHERE split != 'train' GROUP BY 1"
        )
        read_manifest(run).model_copy(update={"held_out": dict(first.fetchall())}).write(run)
        figures = []
        for backend in ("transformers", "mlx"):
            folder = home / "runs" / backend  # each with a store of its own
            shutil.copytree(run, folder)
            plan = evaluate.plan(db, folder, home=home, extent=EXTENT, only=("likelihood", "identity"), backend=backend)
            assert not used
            figures.append(evaluate.run(db, plan).metrics)
    assert used
    with_transformers, with_mlx = figures
    assert with_mlx.keys() == with_transformers.keys() == {"likelihood", "identity"}
    assert with_mlx["likelihood"].value == pytest.approx(with_transformers["likelihood"].value, rel=1e-4)
    assert with_mlx["identity"].value == with_transformers["identity"].value
