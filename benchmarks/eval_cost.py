"""Measure what scoring costs: one forward pass per block against one per target, and ten names against one.

    python benchmarks/eval_cost.py [--model smollm2|tiny] [--targets 16]

The script scores held-out messages of the cast with the base model. It prints milliseconds per target for two ways:
rows as `vq eval` scores them, and one forward pass over context and line with all logits. Then it scores the contents
under ten names, with and without context, and compares this with one name and with ten plain passes. Both ways give
the same nats to 1e-3; the tests require 1e-4.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ventriloquist import prepare
from ventriloquist.demo.build import build
from ventriloquist.demo.pipeline import collect_cast
from ventriloquist.evaluate.heldout import HeldOutRow, held_out_rows
from ventriloquist.model import tiny
from ventriloquist.model.base import TINY, Base, load_base, load_tokenizer, resolve
from ventriloquist.model.corpus import load_corpus
from ventriloquist.model.manifest import Manifest
from ventriloquist.model.score import score_contents, score_row
from ventriloquist.settings import load_settings
from ventriloquist.store import open_database
from ventriloquist.transcript import FORMAT_VERSION, Header, Line, content_span, render_header, render_line

NAMES = tuple(f"Person {letter}" for letter in "ABCDEFGHIJ")


def rows_of(home: Path, model: str, window: int) -> tuple[Any, Any, list[HeldOutRow]]:
    """Build, collect and prepare the cast; return model, tokenizer and the held-out rows."""
    paths = build(home / "cast")
    collect_cast(home, paths)
    with open_database(home) as db:
        prepare.run(db, prepare.plan(db))
        if model == TINY:
            tiny.build([line + "\n" for (line,) in db.execute("SELECT line FROM training_messages")], home / "m", 0)
            base = Base(str(home / "m"))
        else:
            base = resolve(model, load_settings().models)
        tokenizer = load_tokenizer(base)
        corpus = load_corpus(db, tokenizer, home / "tokens")
        manifest = Manifest(
            format_version=FORMAT_VERSION,
            base_model=base.source,
            base_revision=None,
            window=window,
            context=window // 2,
            targets_per_window=window - window // 2,
            max_length=8192,
            settings={},
            seed=0,
            data_hash="",
            people=[],
            held_out={},
            packages={},
            created_at="",
        )
        return load_base(base), tokenizer, held_out_rows(db, corpus, manifest, manifest.held_out)


def plain(model: Any, tokenizer: Any, before: Sequence[int], line: Line) -> float:
    """Return the nats of a line's content by one forward pass over everything."""
    encoding = tokenizer.backend_tokenizer.encode(render_line(line) + "\n", add_special_tokens=False)
    ids = torch.tensor([[*before, *encoding.ids]])
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False).logits[0]
        nats = functional.cross_entropy(logits[len(before) - 1 : -1], ids[0, len(before) :], reduction="none")
    start = content_span(line)[1]
    return sum(value for (_, end), value in zip(encoding.offsets, nats.tolist(), strict=True) if end > start)


def timed(work: Callable[[], list[float]], targets: int) -> tuple[list[float], float]:
    """Return the result of the work, and its milliseconds per target."""
    started = time.perf_counter()
    values = work()
    return values, 1000 * (time.perf_counter() - started) / targets


def swapped(line: Line, names: Sequence[str]) -> list[Line]:
    return [Line(name, line.delta, line.content) for name in names]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--targets", type=int, default=16)
    parser.add_argument("--window", type=int, default=32, help="messages of a row: half of them context, half targets")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, tokenizer, rows = rows_of(Path(folder) / "home", arguments.model, arguments.window)
    chosen: list[HeldOutRow] = []
    for row in rows:
        if sum(len(other.targets) for other in chosen) < arguments.targets:
            chosen.append(row)
    count = sum(len(row.targets) for row in chosen)
    places = [
        (row, target, place) for row in chosen for target, place in zip(row.targets, row.row.targets, strict=True)
    ]
    befores = [row.row.tokens[:first].tolist() for row, _, (_, first, _) in places]
    lines = [target.line for _, target, _ in places]
    prefix = render_header(Header("group", NAMES, "2020-01-01")) + "\n"
    header = tokenizer.backend_tokenizer.encode(prefix, add_special_tokens=False).ids

    def in_context(names: Sequence[str]) -> list[float]:
        found: list[float] = []
        for row in chosen:
            own = [target.line for target in row.targets]
            scores = score_row(model, tokenizer, row.row, own, [swapped(line, names) for line in own])
            found += [nats for score in scores for nats in score.alternatives]
        return found

    def alone(names: Sequence[str]) -> list[float]:
        return list(score_contents(model, tokenizer, prefix, [one for line in lines for one in swapped(line, names)]))

    def plainly(names: Sequence[str], before: Sequence[Sequence[int]]) -> list[float]:
        return [
            plain(model, tokenizer, start, one)
            for start, line in zip(before, lines, strict=True)
            for one in swapped(line, names)
        ]

    def rows_scored() -> list[float]:
        return [
            score.content
            for row in chosen
            for score in score_row(model, tokenizer, row.row, [target.line for target in row.targets])
        ]

    plainly(NAMES[:1], befores[:1] * len(lines) if count == 1 else befores)  # warm up
    own = [[target.line.name] for _, target, _ in places]
    works: dict[str, Callable[[], list[float]]] = {
        "rows, as vq eval scores": rows_scored,
        "rows, plainly": lambda: [
            plain(model, tokenizer, start, Line(name, line.delta, line.content))
            for start, line, (name,) in zip(befores, lines, own, strict=True)
        ],
        "one name in context": lambda: in_context(NAMES[:1]),
        "one name in context, plainly": lambda: plainly(NAMES[:1], befores),
        "ten names in context": lambda: in_context(NAMES),
        "ten names in context, plainly": lambda: plainly(NAMES, befores),
        "one name alone": lambda: alone(NAMES[:1]),
        "one name alone, plainly": lambda: plainly(NAMES[:1], [header] * count),
        "ten names alone": lambda: alone(NAMES),
        "ten names alone, plainly": lambda: plainly(NAMES, [header] * count),
    }
    found, cost = {}, {}
    for name, work in works.items():
        found[name], cost[name] = timed(work, count)
    for name in (name for name in works if f"{name}, plainly" in works):
        assert np.allclose(found[name], found[f"{name}, plainly"], atol=1e-3), name
    assert np.allclose(found["rows, as vq eval scores"], found["rows, plainly"], atol=1e-3)
    print(json.dumps({"model": arguments.model, "targets": count, "window": arguments.window}))
    for name, milliseconds in cost.items():
        print(f"{name:32} {milliseconds:8.0f} ms a target")
    print(f"rows: {cost['rows, plainly'] / cost['rows, as vq eval scores']:.1f} times as fast as plainly")
    for where in ("in context", "alone"):
        ten, one = cost[f"ten names {where}"], cost[f"one name {where}"]
        print(f"ten names {where}: {ten / cost[f'one name {where}, plainly']:.2f} times the cost of one name, plainly;")
        print(
            f"  {ten / one:.2f} times one name; ten plainly: {cost[f'ten names {where}, plainly'] / ten:.1f} times it"
        )


if __name__ == "__main__":
    main()
