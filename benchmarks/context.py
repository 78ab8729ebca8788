"""Compare how much context a block has, and how many targets share it (K), at equal processor time.

    python benchmarks/context.py --count [--data chats.jsonl.gz] [--work DIR] [--only 99/24 …] [--max-length 4096]
    python benchmarks/context.py --data chats.jsonl.gz --work DIR [--model smollm2] [--minutes 4] [--only 33/96 …]

The messages are those of the demo's cast and, with --data, recorded chats in the form that `chat_db_from_jsonl.py`
reads. `--count` trains nothing. For each context and K it prints the tokens that a target costs, and how the context of
the targets compares with what `vq chat` shows: it opens with at most 50 lines, and never shows more than 99.

Without `--count`, each candidate trains on the chats for the same processor time, on one thread. A step has at least 64
targets. The learning rate falls to zero along a cosine, with the processor time. Then the model reads the same held-out
messages twice: with up to 49 messages of context, as a chat opens, and with up to 99, as much as a chat ever shows.
`--model smollm2` trains LoRA on the top layers of SmolLM2, with its weights in 16 bits; `--model tiny` trains all
weights of a small Qwen3 from scratch. Every run adds a line of JSON to DIR/context.jsonl and is not repeated. At the
end, the script prints each run, and its difference from the first candidate on the same messages.
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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from chat_db_from_jsonl import prepared_home
from training_cost import Bench, cast_home, load

from ventriloquist.model.base import load_base, load_tokenizer, resolve
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.store import open_database
from ventriloquist.store.corpus import StoredConversation
from ventriloquist.train import TrainSettings, preset
from ventriloquist.train.backends import add_lora
from ventriloquist.train.estimate import window_tokens
from ventriloquist.train.loss import target_loss
from ventriloquist.train.rows import TRAIN, Piece, epoch_pieces, make_piece, schedule
from ventriloquist.train.tensors import row_tensors
from ventriloquist.transcript import parse_line
from ventriloquist.windows import Block

OPENING, SHOWN = 49, 99  # messages before the next one: when a chat opens, and at most
STEP_TARGETS = 64  # at least, in an optimizer step
TAKEN = 16  # validation messages of a conversation
CONVERSATIONS = {"smollm2": 5, "tiny": 12}  # that are validated
TOP_LAYERS = 8  # of SmolLM2's thirty
LEARNING_RATE = 1e-3


class Shape(NamedTuple):
    """What a candidate's blocks are."""

    context: int
    targets: int  # K

    def __str__(self) -> str:
        return f"{self.context}/{self.targets}"

    @classmethod
    def parse(cls, text: str) -> Shape:
        context, targets = text.split("/")
        return cls(int(context), int(targets))

    def settings(self, max_length: int, seed: int = 0) -> TrainSettings:
        return TrainSettings(context=self.context, targets_per_window=self.targets, max_length=max_length, seed=seed)


SHAPES = tuple(itertools.starmap(Shape, itertools.product((33, 49, 99), (64, 96, 128))))
MAX_LENGTH = 8192


def pieces(corpus: Corpus, shape: Shape, seed: int = 0) -> Iterator[Piece]:
    """Yield a candidate's blocks, epoch by epoch, in random order."""
    settings = shape.settings(MAX_LENGTH, seed)
    for epoch in itertools.count():
        generator = random.Random(f"{seed} {epoch}")
        found = list(epoch_pieces(corpus, settings, generator))
        generator.shuffle(found)
        yield from found


def count(corpus: Corpus, shape: Shape, max_length: int) -> dict[str, object]:
    """Return the tokens that a target costs in one epoch, and how much context the targets have."""
    settings = shape.settings(max_length)
    found = list(epoch_pieces(corpus, settings, random.Random(0)))
    contexts, possible = [], []
    for piece in found:
        for position in range(piece.block.first_target, piece.block.stop):
            if corpus.splits[piece.conversation.first + position] == TRAIN:
                contexts.append(position - piece.block.start)
                possible.append(position)
    context, before = np.array(contexts), np.array(possible)
    tokens = sum(piece.tokens for piece in found) / len(contexts)
    return {
        "shape": str(shape),
        "targets": len(contexts),
        "tokens_per_target": round(tokens, 1),
        "times_cheaper_than_literal_windows": round(window_tokens(corpus) / len(contexts) / tokens, 1),
        "mean_context": round(float(context.mean()), 1),
        "as_much_as_a_chat_opens_with": round(float((context >= np.minimum(before, OPENING)).mean()), 3),
        "as_much_as_a_chat_shows": round(float((context >= np.minimum(before, SHOWN)).mean()), 3),
        "more_than_a_chat_ever_shows": round(float((context > SHOWN).mean()), 3),
        "less_than_planned": round(float((context < np.minimum(before, shape.context)).mean()), 3),
        "targets_per_row": round(len(contexts) / len(schedule(corpus, settings).first_epoch), 1),
        "longest_block": max(piece.tokens for piece in found),
    }


def held_out(corpus: Corpus, conversations: int) -> list[tuple[StoredConversation, int]]:
    """Draw conversations with TAKEN validation messages and enough before them; return each with the first of these."""
    found = []
    for conversation in corpus.conversations:
        span = corpus.targets(conversation, "validation")
        if span and span.first >= SHOWN and span.last - span.first + 1 >= TAKEN:
            found.append((conversation, span.first))
    return random.Random(0).sample(found, min(conversations, len(found)))


def validate(corpus: Corpus, model: Any, places: Sequence[tuple[StoredConversation, int]]) -> dict[str, list[float]]:
    """Return the bits of each held-out message's content, with a short and a long context, and its characters.

    A conversation's messages share one row, so the last has the whole context, and the first TAKEN - 1 messages less.
    """
    bits: dict[str, list[float]] = {str(OPENING): [], str(SHOWN): [], "characters": []}
    model.eval()
    with torch.no_grad():
        for conversation, first in places:
            for context in (OPENING, SHOWN):
                stop = first + TAKEN
                piece = make_piece(corpus, conversation, Block(stop - 1 - context, first, stop), "validation")
                row = row_tensors(corpus, [piece], split="validation", content_only=True)
                labelled = (row["labels"][0] != -100).nonzero()[:, 0]
                logits = model(
                    input_ids=row["input_ids"],
                    position_ids=row["position_ids"],
                    logits_to_keep=labelled - 1,
                    use_cache=False,
                ).logits.squeeze(0)
                nats = torch.nn.functional.cross_entropy(
                    logits.float(), row["labels"][0][labelled], reduction="none"
                ).tolist()
                ends = [end for _, _, end in corpus.row(piece.conversation, piece.block, "validation").targets]
                owner = np.searchsorted(ends, labelled.numpy(), side="right")
                sums = np.bincount(owner, weights=nats, minlength=TAKEN) / math.log(2)
                bits[str(context)] += sums.tolist()
            for position in range(first, first + TAKEN):
                line = corpus.line(conversation, position).removesuffix("\n")
                bits["characters"].append(len(parse_line(line).content))
    return bits


def trainable(bench: Bench, model_name: str, seed: int) -> Any:
    """Load the model anew, ready to train."""
    torch.manual_seed(seed)
    if model_name == "tiny":
        model = load_base(bench.base, device="cpu")
        model.apply(model._init_weights)
        return model
    settings = preset("smollm2").changed(top_layers=TOP_LAYERS, seed=seed)
    return add_lora(load_base(bench.base, device="cpu", bits=16), settings)


def learn(bench: Bench, model_name: str, shape: Shape | None, minutes: float, seed: int) -> dict[str, object]:
    """Train with a candidate's blocks for this many CPU-minutes, or not at all without one, and validate."""
    corpus, model = bench.corpus, trainable(bench, model_name, seed)
    steps, targets, tokens, epoch_targets = 0, 0, 0, int((bench.corpus.splits == TRAIN).sum())
    started = time.process_time()
    if shape is not None:
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01)
        blocks = pieces(corpus, shape, seed)
        model.train()
        while (done := (time.process_time() - started) / (60 * minutes)) < 1:
            batch: list[Piece] = []
            while sum(piece.targets for piece in batch) < STEP_TARGETS:
                batch.append(next(blocks))
            supervised = sum(piece.supervised for piece in batch)
            for piece in batch:
                torch.autograd.backward(target_loss(model, row_tensors(corpus, [piece])) / supervised)
            for group in optimizer.param_groups:
                group["lr"] = LEARNING_RATE * 0.5 * (1 + math.cos(math.pi * done))
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            steps, tokens = steps + 1, tokens + sum(piece.tokens for piece in batch)
            targets += sum(piece.targets for piece in batch)
    seconds = time.process_time() - started
    return {
        "model": model_name,
        "shape": str(shape) if shape else "untrained",
        "seed": seed,
        "cpu_minutes": round(seconds / 60, 2),
        "steps": steps,
        "targets": targets,
        "epochs": round(targets / epoch_targets, 3),
        "tokens": tokens,
        "bits": validate(corpus, model, held_out(corpus, CONVERSATIONS[model_name])),
    }


def report(runs: Sequence[dict[str, Any]]) -> None:
    """Print each run, with its difference from the first candidate with the same seed, and its standard error.

    The error is that of the mean over conversations: messages of one conversation are alike.
    """
    first = next(run["shape"] for run in runs if run["shape"] != "untrained")
    others = {run["seed"]: run for run in runs if run["shape"] == first}
    for run in runs:
        bits, other = run["bits"], others.get(run["seed"])
        characters = sum(bits["characters"])
        figures: dict[str, object] = {key: value for key, value in run.items() if key != "bits"}
        for context in (str(OPENING), str(SHOWN)):
            figures[f"bits_per_character_{context}"] = round(sum(bits[context]) / characters, 4)
            if other is not None and other is not run:
                figures[f"less_{first}_{context}"] = paired(bits[context], other["bits"][context], characters)
        figures[f"{SHOWN}_less_{OPENING}"] = paired(bits[str(SHOWN)], bits[str(OPENING)], characters)
        print(json.dumps(figures), flush=True)


def paired(bits: Sequence[float], others: Sequence[float], characters: int) -> str:
    """Return the difference of two sums of bits, a character, with its standard error."""
    differences = [own - other for own, other in zip(bits, others, strict=True)]
    sums = [sum(differences[index : index + TAKEN]) for index in range(0, len(differences), TAKEN)]
    error = statistics.stdev(sums) * math.sqrt(len(sums)) / characters
    return f"{sum(differences) / characters:+.4f} (standard error {error:.4f})"


def bench_of(home: Path, work: Path, model_name: str) -> Bench:
    if model_name == "tiny":
        return load(home, work / "tiny-data")
    base = resolve(model_name, work / "models")
    with open_database(home) as db:
        return Bench(load_corpus(db, load_tokenizer(base), home / "tokens"), base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--work", type=Path, help="a folder to keep what is prepared; default: a temporary one")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--count", action="store_true")
    parser.add_argument("--model", choices=CONVERSATIONS, default="smollm2")
    parser.add_argument("--minutes", type=float, default=4)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0])
    parser.add_argument("--only", nargs="*", type=Shape.parse, default=SHAPES)
    parser.add_argument("--max-length", type=int, default=MAX_LENGTH, help="tokens of a row, for --count")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        (work / "models").mkdir(parents=True, exist_ok=True)
        homes = {} if not arguments.count else {"cast": cast_home(work)}
        if arguments.data:
            homes["chats"] = prepared_home(arguments.data, work, arguments.people)
        if arguments.count:
            for name, home in homes.items():
                corpus = bench_of(home, work, "smollm2").corpus
                for shape in arguments.only:
                    print(json.dumps({"messages": name, **count(corpus, shape, arguments.max_length)}), flush=True)
            return
        bench = bench_of(homes["chats"], work, arguments.model)
        results = work / "context.jsonl"
        done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
        wanted: list[tuple[Shape | None, int]] = [(None, 0)]
        wanted += [(shape, seed) for seed in arguments.seeds for shape in arguments.only]
        for shape, seed in wanted:
            key = (arguments.model, str(shape) if shape else "untrained", seed)
            if key not in {(run["model"], run["shape"], run["seed"]) for run in done}:
                done.append(learn(bench, arguments.model, shape, arguments.minutes, seed))
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[-1]) + "\n")
        report([run for run in done if run["model"] == arguments.model])


if __name__ == "__main__":
    main()
