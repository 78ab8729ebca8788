"""A run that has learnt, and the lines that it writes, for tests of whole evaluations."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from invented import NAMES

from ventriloquist import evaluate
from ventriloquist.evaluate import Evaluation, Extent
from ventriloquist.evaluate.cache import OutputCache, key_of
from ventriloquist.evaluate.heldout import Target, context_before, draw_for_writing, held_out_rows
from ventriloquist.evaluate.inference import MAX_NEW_TOKENS
from ventriloquist.model.adapter import Adapter, load_adapter
from ventriloquist.model.corpus import Corpus, load_corpus
from ventriloquist.model.manifest import read_manifest
from ventriloquist.model.sampling import MAX_TOKENS, MIN_P, TEMPERATURE, Sampling, context_tokens
from ventriloquist.store import Connection
from ventriloquist.transcript import Line, render_line

torch.set_num_threads(1)


EXTENT = Extent(likelihood=None, identity=8, validity=12, validity_context=2, ranking=4, thorough=True)


HOSTILE = '<script>alert(1)</script> \x1b[31m "Sam" & <b>'


EVIL = '"><img src=x onerror=alert(1)><svg/onload=alert(2)>\x1b]52;c;aGk=\x07 \u202egnp.exe </style><script>'


OWNER, *OTHERS = NAMES


def evaluated(db: Connection, run: Path, **options: Any) -> Evaluation:
    return evaluate.run(db, evaluate.plan(db, run, **options))


def learnt(db: Connection, run: Path) -> Path:
    """Mark in a run's manifest what it has never seen."""
    held_out = db.execute(
        "SELECT conversation_id, min(position) FROM training_messages WHERE split != 'train' GROUP BY conversation_id"
    )
    read_manifest(run).model_copy(update={"held_out": dict(held_out.fetchall())}).write(run)
    return run


def write_lines(db: Connection, home: Path, run: Path) -> None:
    """Put lines into the run's store as a trained adapter would write them; the tiny model writes no valid one."""
    adapter = load_adapter(run)
    corpus = load_corpus(db, adapter.tokenizer, home / "tokens")
    targets = [
        target
        for row in held_out_rows(db, corpus, adapter.manifest, adapter.manifest.held_out)
        for target in row.targets
    ]
    drawn = draw_for_writing(targets, EXTENT.validity, 0)
    contexts = contexts_of(db, corpus, adapter, drawn, EXTENT.validity_context or 0)
    free, unasked, given, again = [], [], [], []
    for number, (target, before) in enumerate(zip(drawn, contexts, strict=True)):
        name = target.line.name
        free.append(render_line(Line(name, "<1m", "x")) if number % 3 == 0 else "no line at all")
        own = number % 3 == 0
        unasked.append(render_line(Line(name if own else other_member(target), "<1m", f"as myself {number}")))
        if not own:
            given.append([before, [name]])
            again.append(render_line(Line(name, "<5m", f"when asked {number}" if number % 2 else '[replying to "x"] ')))
    asked = [[before, target.conversation.members] for before, target in zip(contexts, drawn, strict=True)]
    store = OutputCache(run)
    for system in ("adapter", "base"):
        store.put(free_key(system, contexts), free)
        store.put(chat_key(system, asked), unasked)
        store.put(chat_key(system, given), again)


def contexts_of(db: Connection, corpus: Corpus, adapter: Adapter, targets: list[Target], messages: int) -> list[Any]:
    room = context_tokens(adapter.manifest.max_length)
    return [context_before(db, corpus, target, messages, room) for target in targets]


def other_member(target: Target) -> str:
    return next(name for name in target.conversation.members if name != target.line.name)


def free_key(system: str, contexts: list[Any]) -> str:
    return key_of("free lines", system, 0, (MAX_NEW_TOKENS, TEMPERATURE, MIN_P), ["".join(one) for one in contexts])


def chat_key(system: str, asked: list[Any]) -> str:
    sampling = Sampling() if system == "adapter" else Sampling(name_guidance=0)
    return key_of("chat lines", system, 0, (asdict(sampling), MAX_TOKENS), asked)
