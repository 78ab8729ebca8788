"""The sections of benchmarks/gpu.py that use a trained adapter: saved, reloaded and merged, and in a chat."""

from __future__ import annotations

import itertools
import shutil
import time
from pathlib import Path
from typing import Any

from gpu_base import Bench
from gpu_training import base_of, forget

from ventriloquist import chat, merge
from ventriloquist.layout import TOKENS
from ventriloquist.store import open_database

SECONDS = 10.0  # of writing, at most
WRITTEN, ANSWERS = 100, 20  # to be written, if they fit into that time
FEW = 8  # tokens that the grammar leaves no choice about are computed together; a prompt has more
TEXT = "Are you coming on Sunday? What should I bring?"


def adapter(bench: Bench, run: Path) -> dict[str, Any]:
    """Measure bits per character with a run's adapter: as trained, reloaded, merged in memory, and merged on disk."""
    import torch

    from ventriloquist.model.adapter import load_adapter
    from ventriloquist.model.base import Base, load_base, load_tokenizer
    from ventriloquist.model.corpus import load_corpus
    from ventriloquist.train import TrainSettings
    from ventriloquist.train.loss import held_out_nats, target_loss
    from ventriloquist.train.rows import PackedRow
    from ventriloquist.train.tensors import row_tensors
    from ventriloquist.train.validation import Validation

    loaded = load_adapter(run)
    home = run.parents[1]
    with open_database(home) as db:
        corpus = load_corpus(db, load_tokenizer(base_of(bench.small)), home / TOKENS)
        validation = Validation(corpus, TrainSettings(**loaded.manifest.settings))
        row = row_tensors(corpus, validation.rows[0], split="validation")

        def bits(model: Any) -> float | None:
            def nats(row: PackedRow) -> float:
                tensors = row_tensors(corpus, row, split="validation", content_only=True)
                return held_out_nats(model, target_loss, tensors, bench.device)

            return validation.bits_per_character(nats)

        def logits(model: Any) -> Any:
            with torch.inference_mode():
                ids = row["input_ids"][:, :256].to(bench.device)
                return model(input_ids=ids, logits_to_keep=64).logits.float().cpu()

        found = {"as trained": loaded.manifest.result.get("bits_per_character"), "reloaded": bits(loaded.model)}
        before = logits(loaded.model)
        with loaded.disabled() as bare:
            moved = float((logits(bare) - before).abs().max())
        loaded = loaded.merged()
        found["merged in memory"] = bits(loaded.model)
        rounded = float((logits(loaded.model) - before).abs().max())
        loaded = None  # type: ignore[assignment]
        forget(bench)
        folder = bench.work / "merged"
        shutil.rmtree(folder, ignore_errors=True)
        merge.run(merge.plan(run, folder))
        found["merged on disk"] = bits(load_base(Base(str(folder))))
    shutil.rmtree(folder)
    forget(bench)
    return {"bits": found, "moved": moved, "rounded": rounded}


def speed(bench: Bench, run: Path) -> dict[str, Any]:
    """Measure an answer's first token and its tokens a second, with the adapter beside the base and merged into it."""
    from ventriloquist.model.adapter import load_adapter
    from ventriloquist.model.line_writer import LineWriter

    found = {}
    loaded = load_adapter(run)
    voice = chat.find_voice(bench.home, str(run))
    planned = chat.plan(bench.home, chat.Request(speaker=voice.people[1]), voice)
    for state in ("beside the base", "merged in memory"):
        if state == "merged in memory":
            before, loaded = loaded, loaded.merged()
            if loaded is before:
                return {"speed": found, "not_merged": "its weights have 4 bits"}
        counter = Counter(loaded.model)
        writer = LineWriter(loaded.model, loaded.tokenizer)
        list(writer.write(["\n"], voice.people[1:2]))  # the first pass of all warms up
        session = chat.start(planned, writer)
        found[state] = {"opening": answered(session, counter), "next": answered(session, counter)}
        found[state]["context"] = sum(writer.count_tokens(line) for line in session.context())
    return {"speed": found}


class Counter:
    """When a model was called in the present answer, and with how many tokens."""

    def __init__(self, model: Any) -> None:
        self.calls: list[tuple[float, int]] = []
        model.register_forward_pre_hook(self._count, with_kwargs=True)

    def _count(self, _model: Any, _arguments: Any, options: dict[str, Any]) -> None:
        self.calls.append((time.perf_counter(), options["input_ids"].shape[-1]))

    def decoded(self) -> tuple[int, float]:
        """Return the tokens that were fed a few at a time, and the seconds from each such call to the next one."""
        pairs = [pair for pair in itertools.pairwise(self.calls) if pair[0][1] <= FEW]
        return sum(tokens for (_, tokens), _ in pairs), sum(after - at for (at, _), (after, _) in pairs)


def answered(session: Any, counter: Counter) -> dict[str, float]:
    """Let answers be written until enough tokens are; return the first one's first token, and the speed of all."""
    firsts: list[float] = []
    tokens, seconds = 0, 0.0
    while tokens < WRITTEN and seconds < SECONDS and len(firsts) < ANSWERS:
        session.say(TEXT)
        counter.calls.clear()
        started = time.perf_counter()
        answer = session.answer()
        next(answer)
        firsts.append(time.perf_counter() - started)
        for piece in answer:
            if piece.line is not None or time.perf_counter() - started > SECONDS:
                break
        answer.close()
        more, taken = counter.decoded()
        tokens, seconds = tokens + more, seconds + taken
    return {"first_s": firsts[0], "tokens": tokens, "tokens_a_second": tokens / max(seconds, 1e-9)}
