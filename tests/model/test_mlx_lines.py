"""Chat and eval with MLX: what is written and scored there, beside transformers. `make test-mlx`; else skipped."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from invented import HOSTILE_CONTENTS, HOSTILE_NAMES, NAMES, conversation, lines
from typer.testing import CliRunner

from ventriloquist import merge
from ventriloquist.errors import ModelError
from ventriloquist.model.adapter import Adapter, load_adapter
from ventriloquist.model.base import SMOLLM2, Base, load_tokenizer, resolve
from ventriloquist.model.corpus import TokenRow
from ventriloquist.model.generate import sample_lines
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.sampling import Sampling
from ventriloquist.model.score import score_contents, score_row
from ventriloquist.transcript import DELTAS, Header, Line, parse_line, render, render_header, render_line

pytest.importorskip("mlx.core")

from ventriloquist.model.mlx_adapter import load_mlx_model, put_on_mlx, save_mlx_adapter
from ventriloquist.model.mlx_base import load_mlx_base
from ventriloquist.model.mlx_engine import MlxModel

GREEDY = Sampling(temperature=0)


@pytest.fixture(scope="module")
def with_mlx(run: Path) -> Adapter:
    return load_adapter(run, backend="mlx")


@pytest.fixture(scope="module")
def with_torch(run: Path) -> Adapter:
    return load_adapter(run, backend="transformers")


@pytest.fixture(scope="module")
def context() -> list[str]:
    header, said = conversation(8, seed=5)
    return [render_header(header) + "\n", *(render_line(line) + "\n" for line in said)]


def tokens(adapter: Adapter, context: list[str]) -> list[int]:
    return [token for line in context for token in adapter.tokenizer.backend_tokenizer.encode(line).ids]


def test_logits_with_the_cache_are_those_without_and_those_of_transformers(
    with_mlx: Adapter, with_torch: Adapter, context: list[str]
) -> None:
    assert (with_mlx.framework.name, with_torch.framework.name) == ("mlx", "transformers")
    assert isinstance(with_mlx.model, MlxModel)
    ids = tokens(with_mlx, context)
    cached = LineWriter(with_mlx.model, with_mlx.tokenizer)
    for wanted in (ids[:40], ids, ids[:60], ids[:60], [*ids[:50], 7, 8, 9], ids, ids[:1], ids):
        found = cached.logits_after(wanted)
        alone = LineWriter(with_mlx.model, with_mlx.tokenizer).logits_after(wanted)
        expected = LineWriter(with_torch.model, with_torch.tokenizer).logits_after(wanted)
        assert torch.allclose(found, alone, atol=1e-4)
        assert torch.allclose(found, expected, atol=1e-4)


def test_lines_with_the_cache_are_those_without_and_those_of_transformers(
    with_mlx: Adapter, with_torch: Adapter, context: list[str]
) -> None:
    kept = LineWriter(with_mlx.model, with_mlx.tokenizer, seed=3, sampling=GREEDY, max_tokens=20)
    fresh = LineWriter(with_mlx.model, with_mlx.tokenizer, seed=3, sampling=GREEDY, max_tokens=20)
    other = LineWriter(with_torch.model, with_torch.tokenizer, seed=3, sampling=GREEDY, max_tokens=20)
    said = list(context)
    for _ in range(3):
        fresh._prefixes.clear()  # it reads everything again
        line, *others = (list(writer.write(said, NAMES))[-1].line for writer in (kept, fresh, other))
        assert others == [line, line]
        assert line is not None
        said.append(render_line(line) + "\n")


def test_every_line_at_high_temperature_is_valid_whatever_the_context(with_mlx: Adapter) -> None:
    names = (*NAMES, *HOSTILE_NAMES)
    writer = LineWriter(
        with_mlx.model, with_mlx.tokenizer, sampling=Sampling(temperature=3.0, min_p=0.0), max_tokens=12
    )
    header = render_header(Header("group", names, "2024-03-15")) + "\n"
    seen = set()
    for index in range(10):  # twenty-five lines each
        allowed = names if index % 2 else (names[index // 2],)
        said = Line(HOSTILE_NAMES[index], "<1m", HOSTILE_CONTENTS[index % len(HOSTILE_CONTENTS)])
        context = [header, render_line(said) + "\n"]
        alone = list(writer.write(context, allowed))[-1].line
        for line in [alone, *writer.candidates(context, allowed, 24)]:
            assert line is not None
            rendered = render_line(line)
            assert parse_line(rendered) == line
            assert line.name in allowed
            assert line.delta in DELTAS
            assert not {"<|", "</", "<s"} & {rendered[at : at + 2] for at in range(len(rendered))}
            seen.add(line.name)
    assert len(seen) > 4


def test_an_interrupted_pass_leaves_a_session_that_goes_on(
    with_mlx: Adapter, context: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = tokens(with_mlx, context)
    plain = LineWriter(with_mlx.model, with_mlx.tokenizer).logits_after(ids)
    writer = LineWriter(with_mlx.model, with_mlx.tokenizer)
    writer.logits_after(ids[:30])
    block = type(with_mlx.model.module.layers[2])
    forward = block.__call__

    def interrupt(self: object, *arguments: object) -> object:
        if self is with_mlx.model.module.layers[2]:
            raise KeyboardInterrupt
        return forward(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(block, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.logits_after(ids)
    assert torch.allclose(writer.logits_after(ids), plain, atol=1e-4)


def test_batches_of_eval_are_those_of_transformers_with_and_without_the_adapter(
    with_mlx: Adapter, with_torch: Adapter
) -> None:
    prompts = [render(*conversation(messages, seed=messages)) for messages in (1, 4, 9)]

    def write(adapter: Adapter) -> list[str]:
        return sample_lines(adapter.model, adapter.tokenizer, prompts, max_new_tokens=24, temperature=0)

    assert write(with_mlx) == write(with_torch)
    with with_mlx.disabled(), with_torch.disabled():
        bare = write(with_mlx)
        assert bare == write(with_torch)
    assert write(with_mlx) != bare


def test_scores_are_those_of_transformers(with_mlx: Adapter, with_torch: Adapter) -> None:
    header, said = conversation(9, seed=4)
    ids, targets = tokens(with_mlx, [render(header, [])]), []
    for position, line in enumerate(said):
        own = tokens(with_mlx, [render_line(line) + "\n"])
        targets += [(position, len(ids), len(ids) + len(own))] if position in {3, 5, 8} else []
        ids = ids + own
    row = TokenRow(np.array(ids, dtype=np.uint32), targets)
    chosen = [said[position] for position, _, _ in targets]
    others = [[Line(name, line.delta, line.content) for name in NAMES] for line in chosen]
    found, expected = (
        score_row(adapter.model, adapter.tokenizer, row, chosen, others) for adapter in (with_mlx, with_torch)
    )
    for ours, theirs in zip(found, expected, strict=True):
        for part in ("name", "delta", "content"):
            assert getattr(ours, part) == pytest.approx(getattr(theirs, part), abs=1e-3)
        assert ours.deltas == pytest.approx(theirs.deltas, abs=1e-4)
        assert ours.alternatives == pytest.approx(theirs.alternatives, abs=1e-3)
    prefix, group = render(*conversation(6, seed=6)), lines(12, seed=7)
    ours, theirs = (list(score_contents(one.model, one.tokenizer, prefix, group)) for one in (with_mlx, with_torch))
    assert ours == pytest.approx(theirs, abs=1e-3)


def test_an_adapter_made_with_mlx_is_merged(run: Path, tmp_path: Path) -> None:
    import mlx.core as mx

    shape = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "up_proj"]}
    module = put_on_mlx(load_mlx_base(Base(str(run / "base"))), **shape)
    for block in module.layers:
        block.mlp.up_proj.lora_b = mx.random.normal(block.mlp.up_proj.lora_b.shape) * 0.2
    folder = tmp_path / "made"
    shutil.copytree(run, folder)
    save_mlx_adapter(module, folder, **shape)
    adapter = load_adapter(folder, backend="mlx")
    prompts = [render(*conversation(3, seed=3))]
    expected = sample_lines(adapter.model, adapter.tokenizer, prompts, max_new_tokens=20, temperature=0)
    merge.run(merge.plan(folder, tmp_path / "merged"))
    for backend in ("mlx", "transformers"):
        merged = load_adapter(tmp_path / "merged", backend=backend)
        written = sample_lines(merged.model, merged.tokenizer, prompts, max_new_tokens=20, temperature=0)
        assert written == expected


def test_an_adapter_that_is_merged_in_memory_gives_the_same_logits(
    run: Path, with_mlx: Adapter, context: list[str]
) -> None:
    ids = tokens(with_mlx, context)
    merged = load_adapter(run, backend="mlx").merged()
    assert not merged.model.has_lora
    with pytest.raises(ModelError, match="is merged"), merged.disabled():
        pass
    found, expected = (LineWriter(one.model, one.tokenizer).logits_after(ids) for one in (merged, with_mlx))
    assert torch.allclose(found, expected, atol=1e-4)


def test_a_chat_runs_through_mlx_when_it_is_set(run: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ventriloquist.cli.app import app

    monkeypatch.setenv("VQ_BACKEND", "mlx")
    used = []
    monkeypatch.setattr(MlxModel, "rows", lambda self, rows=MlxModel.rows: used.append(1) or rows(self))
    asked = ["chat", "--as", NAMES[1], "--run", str(run), "--once", "hey"]
    result = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.strip()
    assert used


def test_smollm2_chats_through_mlx(tmp_path: Path) -> None:
    base = resolve(SMOLLM2, tmp_path)
    writer = LineWriter(load_mlx_model(base), load_tokenizer(base), max_tokens=8)
    header = render_header(Header("dm", ("Robin", "Kim"), "2024-03-15")) + "\n"
    line = list(writer.write([header, render_line(Line("Robin", "<1m", "hey")) + "\n"], ("Kim",)))[-1].line
    assert line is not None
    assert (line.name, parse_line(render_line(line))) == ("Kim", line)
