"""Measure what blocks save over literal windows: CPU time per target token, and what both learn in the same CPU time.

    python benchmarks/training_cost.py [--work DIR] [--data chats.jsonl.gz --minutes 2 --seeds 3]

The model is a small Qwen3 (`tiny`), on one thread. The messages are those of the demo's cast, or recorded chats in the
form that `chat_db_from_jsonl.py` reads. The first part prints a line of JSON for each number of targets that share a
context (K). With --data, the second part trains all weights of that model from scratch with both recipes, for the same
CPU time. It prints bits per character of validation messages, each read in its literal window of 100 messages.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from chat_db_from_jsonl import prepared_home

from ventriloquist import prepare
from ventriloquist.demo.build import build
from ventriloquist.demo.pipeline import collect_cast
from ventriloquist.layout import DATABASE
from ventriloquist.model import tiny
from ventriloquist.model.base import Base, load_base, load_tokenizer
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.store import open_database, recorded_run
from ventriloquist.store.corpus import StoredConversation
from ventriloquist.train import TrainSettings
from ventriloquist.train.backends import add_lora
from ventriloquist.train.loss import target_loss
from ventriloquist.train.rows import IGNORED, Piece, make_piece, schedule
from ventriloquist.train.tensors import Tensors, row_tensors
from ventriloquist.transcript import parse_line
from ventriloquist.windows import WINDOW_SIZE, Block, Split

SIZES = (1, 16, 64, 128)  # K
TARGETS = 8  # windows, or K = 1 blocks, that are timed; of larger blocks a few
VALIDATION_MESSAGES = 60
LEARNING_RATE = 1e-3
RECIPES = {  # small batches serve both: a run of minutes has few steps
    "literal windows": TrainSettings(targets_per_window=1, max_length=4096, rows_per_step=8),
    "blocks": TrainSettings(targets_per_window=64, max_length=6144, rows_per_step=1),
}
CONTEXT = WINDOW_SIZE - 1


class Bench(NamedTuple):
    """A corpus of its own tokenizer, and the base model that goes with it."""

    corpus: Corpus
    base: Base


def cast_home(work: Path) -> Path:
    """Collect and prepare the demo's cast."""
    home = work / "cast"
    if not (home / DATABASE).exists():
        paths = build(work / "Messages", 0)
        collect_cast(home, paths)
        with recorded_run(home, "prepare") as run:
            run.result = prepare.run(run.db, prepare.plan(run.db))
    return home


def load(home: Path, folder: Path) -> Bench:
    """Build the small model on a home's lines and read the home as its tokens."""
    with open_database(home) as db:
        if not folder.exists():
            query = "SELECT line || char(10) FROM training_messages WHERE split = 'train' LIMIT ?"
            tiny.build([line for (line,) in db.execute(query, (tiny.SAMPLE_LINES,))], folder, seed=0)
        base = Base(str(folder))
        return Bench(load_corpus(db, load_tokenizer(base), home / "tokens"), base)


def window_text(corpus: Corpus, conversation: StoredConversation, target: int) -> tuple[str, str]:
    """Return a literal window as text: the part before its target, and the target's line."""
    first = max(0, target - CONTEXT)
    header = corpus.header_tokens(conversation, first).tolist()
    lines = [corpus.line_tokens(conversation, position).tolist() for position in range(first, target + 1)]
    before = corpus.tokenizer.decode(header + [id for line in lines[:-1] for id in line])
    return before, corpus.tokenizer.decode(lines[-1])


def window_row(corpus: Corpus, conversation: StoredConversation, target: int) -> Tensors:
    """Return a literal window as a training row: its whole text tokenised, with loss on its last line."""
    before, line = window_text(corpus, conversation, target)
    context = corpus.tokenizer(before, add_special_tokens=False)["input_ids"]
    ids = context + corpus.tokenizer(line, add_special_tokens=False)["input_ids"]
    labels = [IGNORED] * len(context) + ids[len(context) :]
    return {
        "input_ids": torch.tensor([ids]),
        "labels": torch.tensor([labels]),
        "position_ids": torch.arange(len(ids))[None],
    }


def places(corpus: Corpus, split: Split, room: int) -> list[tuple[StoredConversation, int]]:
    """Return the targets of a split with a full context before them and at least `room` targets from there on."""
    found = []
    for conversation in corpus.conversations:
        span = corpus.targets(conversation, split)
        if span:
            last = span.last - room + 1
            found += [(conversation, position) for position in range(max(CONTEXT, span.first), last + 1)]
    return found


def cost(bench: Bench) -> None:
    """Print the CPU-seconds per target token of forward and backward, for literal windows and for each K."""
    corpus = bench.corpus
    model = add_lora(load_base(bench.base, device="cpu"), TrainSettings(rank=16, alpha=32)).train()
    generator = random.Random(0)
    anywhere = places(corpus, "train", max(SIZES))
    windows = generator.sample(anywhere, TARGETS + 1)  # the first is for warming up
    literal = seconds_a_token(model, (window_row(corpus, *place) for place in windows))
    print(json.dumps({"recipe": "literal windows", "cpu_ms_per_target_token": round(1000 * literal, 3)}), flush=True)
    for size in SIZES:
        drawn = windows if size == 1 else generator.sample(anywhere, 4)
        rows = (row_tensors(corpus, [block(corpus, conversation, first, size)]) for conversation, first in drawn)
        seconds = seconds_a_token(model, rows)
        figures = {
            "recipe": "blocks",
            "K": size,
            "cpu_ms_per_target_token": round(1000 * seconds, 3),
            "times_cheaper": round(literal / seconds, 1),
        }
        print(json.dumps(figures), flush=True)


def block(corpus: Corpus, conversation: StoredConversation, first: int, size: int) -> Piece:
    return make_piece(corpus, conversation, Block(first - CONTEXT, first, first + size))


def seconds_a_token(model: Any, rows: Iterator[Tensors]) -> float:
    """Return CPU-seconds per target token, with the assembly of rows. The first row only warms up."""
    started, tokens = 0.0, 0
    for index, row in enumerate(rows):
        torch.autograd.backward(target_loss(model, row))
        if index == 0:
            started = time.process_time()
        else:
            tokens += int((row["labels"] != IGNORED).sum())
    return (time.process_time() - started) / tokens


def learn(bench: Bench, recipe: str, minutes: float, seed: int) -> dict[str, object]:
    """Train all weights from scratch with a recipe for this many CPU-minutes, and validate."""
    corpus = bench.corpus
    torch.manual_seed(seed)
    model = load_base(bench.base, device="cpu")
    model.apply(model._init_weights)  # other random weights for each seed
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    rows = stream(corpus, recipe, seed)
    started, steps, targets = time.process_time(), 0, 0
    while (done := (time.process_time() - started) / (60 * minutes)) < 1:
        batch = [next(rows) for _ in range(RECIPES[recipe].rows_per_step)]
        tokens = sum(int((row["labels"] != IGNORED).sum()) for row in batch)
        for row in batch:
            torch.autograd.backward(target_loss(model, row) / tokens)
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * done))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        steps, targets = steps + 1, targets + tokens
    return {
        "recipe": recipe,
        "seed": seed,
        "cpu_minutes": minutes,
        "steps": steps,
        "target_tokens": targets,
        "validation_bits_per_character": round(validate(bench, model), 3),
    }


def stream(corpus: Corpus, recipe: str, seed: int) -> Iterator[Tensors]:
    """Yield the training rows of a recipe without end, every target once per epoch."""
    settings = RECIPES[recipe].changed(seed=seed)
    for epoch in itertools.count():
        for row in schedule(corpus, settings.changed(seed=seed + 1000 * epoch)).rows:
            yield row_tensors(corpus, row)


def validate(bench: Bench, model: Any) -> float:
    """Return bits per character of validation messages, each in its literal window, the same for every run."""
    corpus = bench.corpus
    anywhere = places(corpus, "validation", 1)
    drawn = random.Random(0).sample(anywhere, min(VALIDATION_MESSAGES, len(anywhere)))
    nats, characters = 0.0, 0
    model.eval()
    with torch.no_grad():
        for conversation, position in drawn:
            piece = make_piece(corpus, conversation, Block(position - CONTEXT, position, position + 1), "validation")
            nats += float(target_loss(model, row_tensors(corpus, [piece], split="validation", content_only=True)))
            _, line = window_text(corpus, conversation, position)
            characters += len(parse_line(line.removesuffix("\n")).content)
    return nats / math.log(2) / characters


def compare(bench: Bench, minutes: float, seeds: int) -> None:
    """Print the result of each recipe with each seed, then the means."""
    reached: dict[str, list[float]] = {}
    for seed in range(seeds):
        for recipe in RECIPES:
            figures = learn(bench, recipe, minutes, seed)
            print(json.dumps(figures), flush=True)
            reached.setdefault(recipe, []).append(float(str(figures["validation_bits_per_character"])))
    print(json.dumps({recipe: round(statistics.mean(bits), 3) for recipe, bits in reached.items()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="a folder to keep what is prepared; default: a temporary one")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        cost(load(cast_home(work), work / "tiny-cast"))
        if arguments.data:
            home = prepared_home(arguments.data, work, arguments.people)
            compare(load(home, work / "tiny-data"), arguments.minutes, arguments.seeds)


if __name__ == "__main__":
    main()
