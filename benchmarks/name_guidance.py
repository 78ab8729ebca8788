"""Measure name guidance: a name that counts more than once while a message is written.

    python benchmarks/name_guidance.py --home HOME [--run RUN] [--split validation] [--messages 160]
                                       [--weights 0 0.5 1] [--context 4]

The newest run in HOME writes a message in the place of each held-out one, under its writer's name, as chat does. With
the validation split, the judges of style read its earlier half, and the messages are those of its later half.

The script prints the metrics of generated messages for each weight, whether they differ from the first weight on the
same messages, and the processor time per message. All intervals are 95 %, for these conversations.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from training_search import validation_home

from ventriloquist.evaluate.compare import compare
from ventriloquist.evaluate.context import read_context
from ventriloquist.evaluate.heldout import context_before, draw_for_writing, held_out_rows
from ventriloquist.evaluate.inputs import Message, System
from ventriloquist.evaluate.metric import Measurement
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.texts import read_placeholders, typed
from ventriloquist.layout import RUNS, TOKENS
from ventriloquist.model.adapter import find_run, load_adapter
from ventriloquist.model.corpus import load_corpus
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.manifest import first_unseen
from ventriloquist.model.sampling import Sampling, context_tokens
from ventriloquist.store import open_database, transaction

OF_MESSAGES = ("voice", "voice_habits", "indistinguishable", "fingerprint", "lengths", "copies", "diversity")
AT_ONCE = 32  # messages written in a batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--messages", type=int, default=160)
    parser.add_argument("--weights", nargs="+", type=float, default=[0, 0.5, 1])
    parser.add_argument("--context", type=int, default=4, help="lines before a message")
    arguments = parser.parse_args()
    run = find_run(arguments.home / RUNS, arguments.run)
    with TemporaryDirectory() as folder:
        home = arguments.home
        if arguments.split == "validation":
            home = later_half(validation_home(home, Path(folder) / "home"))
        measure(home, run, arguments.messages, arguments.weights, arguments.context)


def later_half(home: Path) -> Path:
    """Test on the later half of each conversation's messages alone, so that the judges of style can read the others."""
    with open_database(home) as db, transaction(db):
        db.execute(
            "UPDATE training_messages SET split = 'validation' WHERE (conversation_id, position) IN (SELECT"
            " conversation_id, position FROM (SELECT *, ntile(2) OVER (PARTITION BY conversation_id ORDER BY position)"
            " AS half FROM training_messages WHERE split = 'test') WHERE half = 1)"
        )
    return home


def measure(home: Path, run: Path, count: int, weights: list[float], shown: int) -> None:
    """Write messages with each weight, and print what the metrics say of them."""
    with open_database(home) as db:
        adapter = load_adapter(run).to_write()
        corpus = load_corpus(db, adapter.tokenizer, home / TOKENS)
        boundaries = first_unseen(db, adapter.manifest)
        targets = [target for row in held_out_rows(db, corpus, adapter.manifest, boundaries) for target in row.targets]
        context = read_context(db, targets, boundaries, 0, adapter.manifest)
        placeholders = read_placeholders(db)
        drawn = draw_for_writing(targets, count, seed=0)
        room = context_tokens(adapter.manifest.max_length)
        before = [context_before(db, corpus, target, shown, room) for target in drawn]
    names = [(target.line.name,) for target in drawn]
    first: dict[str, Measurement | None] = {}
    for weight in weights:
        writer = LineWriter(adapter.model, adapter.tokenizer, sampling=Sampling(name_guidance=weight))
        started, messages = time.process_time(), []
        for start in range(0, len(drawn), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            for target, line in zip(drawn[part], writer.write_each(before[part], names[part], seed=start), strict=True):
                own = typed(line.content, placeholders)
                messages += [Message(target, own)] if own else []
            print(f"{min(part.stop, len(drawn))} of {len(drawn)} messages written", file=sys.stderr, flush=True)
        seconds = (time.process_time() - started) / len(drawn)
        system = System("adapter", messages=messages, reference=context.real)
        found = {name: METRICS[name].measure(system, context) for name in OF_MESSAGES}
        first = first or found
        print(f"weight {weight:g}: {len(messages)} messages, {seconds:.2f} s of processor time each")
        differences = compare("the first weight", found, first, seed=0).metrics
        for name, one in found.items():
            if one is not None:
                low, high = one.interval(0)
                row = differences[name]
                change = f"; {row.outcome}, p {row.p:.2f}" if row.p is not None and found is not first else ""
                print(f"  {name:18} {one.value:.3f} ({low:.3f} – {high:.3f}), n {one.n}{change}", flush=True)


if __name__ == "__main__":
    main()
