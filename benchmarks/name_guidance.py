"""Measure name guidance: a name that counts more than once while a message is written.

    python benchmarks/name_guidance.py --home HOME [--run RUN] [--messages 160] [--weights 0 0.5 1] [--context 4]

The newest run in HOME writes a message in the place of each held-out one, under its writer's name and with the grammar
and the sampling of chat. Each token of the content is drawn from the logits

    log P(token | name) + weight · (log P(token | name) − log P(token | "Unknown"))

(Sanchez et al., 2023, arXiv 2306.17806). Name and delta are drawn as usual. Weight 0 is what chat does. The script
prints the metrics of generated messages for each weight, whether they differ from the first weight on the same
messages, and the processor time per message. All intervals are 95 %, for these conversations.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

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
from ventriloquist.model.engine import Engine, engine_of
from ventriloquist.model.grammar import LineGrammar
from ventriloquist.model.manifest import first_unseen
from ventriloquist.model.partial_line import PartialLine
from ventriloquist.model.sampling import MAX_TOKENS, Sampling, context_tokens
from ventriloquist.model.tokens import encode
from ventriloquist.store import open_database
from ventriloquist.transcript import UNKNOWN, line_opening

OF_MESSAGES = ("voice", "voice_habits", "indistinguishable", "fingerprint", "lengths", "copies", "diversity")
CONTENT = '"content":'


class GuidedWriter:
    """Writes messages of given people."""

    def __init__(self, engine: Engine, tokenizer: Any) -> None:
        self._engine, self._tokenizer = engine, tokenizer
        self._grammar = LineGrammar(tokenizer, engine.vocabulary)

    def write(self, context: Sequence[str], name: str, weight: float, seed: str) -> str:
        """Return the content of a message of this person."""
        generator = torch.Generator().manual_seed(random.Random(seed).getrandbits(63))
        prompt = [
            token for number, line in enumerate(context) for token in encode(self._tokenizer, line, start=number == 0)
        ]
        partial = PartialLine(self._grammar.begin([name]), (name,), Sampling(), MAX_TOKENS)
        rows, unknown = self._engine.rows(), None
        logits, read = rows.feed([prompt + partial.tokens]), len(partial.tokens)
        while True:
            drawn = logits[0].float().log_softmax(-1)
            if weight and CONTENT in partial.rendered:
                if unknown is None:
                    unknown = self._engine.rows()
                    begun = partial.rendered.replace(line_opening(name), line_opening(UNKNOWN), 1)
                    other = unknown.feed([prompt + encode(self._tokenizer, begun)])
                drawn = drawn + weight * (drawn - other[0].float().log_softmax(-1))
            partial.choose(drawn, torch.rand(1, generator=generator))
            if partial.line is not None:
                return partial.line.content
            new, read = partial.tokens[read:], len(partial.tokens)
            logits = rows.feed([new])
            if unknown is not None:
                other = unknown.feed([new])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run")
    parser.add_argument("--messages", type=int, default=160)
    parser.add_argument("--weights", nargs="+", type=float, default=[0, 0.5, 1])
    parser.add_argument("--context", type=int, default=4, help="lines before a message")
    arguments = parser.parse_args()
    with open_database(arguments.home) as db:
        adapter = load_adapter(find_run(arguments.home / RUNS, arguments.run)).to_write()
        corpus = load_corpus(db, adapter.tokenizer, arguments.home / TOKENS)
        boundaries = first_unseen(db, adapter.manifest)
        targets = [target for row in held_out_rows(db, corpus, adapter.manifest, boundaries) for target in row.targets]
        context = read_context(db, targets, boundaries, 0, adapter.manifest)
        placeholders = read_placeholders(db)
        drawn = draw_for_writing(targets, arguments.messages, seed=0)
        room = context_tokens(adapter.manifest.max_length)
        shown = [context_before(db, corpus, target, arguments.context, room) for target in drawn]
    first: dict[str, Measurement | None] = {}
    writer = GuidedWriter(engine_of(adapter.model), adapter.tokenizer)
    for weight in arguments.weights:
        before = time.process_time()
        messages = []
        for number, (target, lines) in enumerate(zip(drawn, shown, strict=True), 1):
            own = typed(writer.write(lines, target.line.name, weight, f"{target.id}"), placeholders)
            messages += [Message(target, own)] if own else []
            print(f"{number} of {len(drawn)} messages written", file=sys.stderr, flush=True)
        seconds = (time.process_time() - before) / len(drawn)
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
