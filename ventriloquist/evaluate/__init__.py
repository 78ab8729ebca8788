"""Measure how well an adapter writes like each person, on messages it never saw."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ventriloquist.database import Database
from ventriloquist.errors import NotReadyError
from ventriloquist.evaluate.heldout import HeldOutRow, Target, draw_rows, held_out_rows, prompt
from ventriloquist.evaluate.identity import MAX_CANDIDATES, Identity, identity, ngram_classifier
from ventriloquist.evaluate.likelihood import Likelihood, ScoredRow, by_person, likelihood
from ventriloquist.evaluate.validity import Validity, validity
from ventriloquist.model.adapter import Adapter, load_adapter
from ventriloquist.model.corpus import load_corpus
from ventriloquist.records import Progress

__all__ = ["FULL", "QUICK", "Evaluation", "Extent", "evaluate"]

MAX_NEW_TOKENS = 120  # a generated line that is longer counts as invalid


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: messages for likelihood and identity (None: all), generated lines and their context."""

    likelihood: int | None
    identity: int | None
    validity: int
    validity_context: int | None  # messages before a generated line; None: the adapter's whole window


FULL = Extent(likelihood=None, identity=1000, validity=200, validity_context=None)
QUICK = Extent(likelihood=100, identity=48, validity=32, validity_context=4)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What `vq eval` reports. Bits per character are those of the content, its closing included."""

    run: str
    model: str
    changed_data: bool  # the prepared data is not what the adapter was trained on
    held_out: int  # messages that could be scored
    validity: Validity  # without a grammar
    validity_base: Validity
    final_windows: Likelihood | None  # the last two windows of each conversation
    test: Likelihood | None  # the test split, or as much of it as was asked for
    people: dict[str, tuple[int, float, float]]  # messages, and bits per character of base and adapter
    identity: Identity | None


def evaluate(
    db: Database,
    run: Path,
    *,
    home: Path,
    extent: Extent = FULL,
    seed: int = 0,
    stage: Callable[[str], Progress] = lambda _name: lambda _done, _total: None,
) -> Evaluation:
    """Evaluate an adapter on the test split.

    Args:
        run: the adapter's folder.
        stage: called with the name of each part of the work; returns its progress callback.

    Raises:
        NotReadyError: no conversation holds anything out.
        ModelError: the adapter cannot be used.
    """
    from ventriloquist.model.score import score_after

    adapter = load_adapter(run)
    corpus = load_corpus(db, adapter.tokenizer, home / "tokens", stage("Tokenising"))
    everything = held_out_rows(db, corpus, adapter.manifest)
    if not everything:
        raise NotReadyError(
            "No message is held out: every conversation is shorter than 10 messages.",
            hint="Collect more history, then run: vq prepare",
        )
    targets = [target for row in everything for target in row.targets]
    scored = _score(adapter, draw_rows(everything, extent.likelihood, seed), stage("Scoring"))
    candidates, classify = _baseline(db)
    lines = draw(targets, extent.validity, seed)
    return Evaluation(
        run=run.name,
        model=str(adapter.manifest.settings["model"]),
        changed_data=corpus.data_hash != adapter.manifest.data_hash,
        held_out=len(targets),
        validity=_generate(db, adapter, lines, extent, seed, stage("Writing with the adapter")),
        validity_base=_generate(db, adapter, lines, extent, seed, stage("Writing without it"), bare=True),
        final_windows=likelihood(scored, seed, final_windows=True),
        test=likelihood(scored, seed),
        people=by_person(scored),
        identity=identity(
            draw([target for target in targets if target.line.name in candidates], extent.identity, seed),
            candidates,
            partial(score_after, adapter.model, adapter.tokenizer),
            classify,
            stage("Swapping names"),
        ),
    )


def draw(targets: list[Target], limit: int | None, seed: int) -> list[Target]:
    """Draw at most `limit` targets by the seed, in their order."""
    if limit is None or len(targets) <= limit:
        return targets
    chosen = sorted(random.Random(seed).sample(range(len(targets)), limit))  # noqa: S311  # not for secrets
    return [targets[index] for index in chosen]


def _score(adapter: Adapter, rows: list[HeldOutRow], progress: Progress) -> list[ScoredRow]:
    from ventriloquist.model.score import score_row

    scored = []
    for done, row in enumerate(rows, 1):
        lines = [target.line for target in row.targets]
        with adapter.disabled():
            base = score_row(adapter.model, adapter.tokenizer, row.row, lines)
        scored.append(ScoredRow(row, base, score_row(adapter.model, adapter.tokenizer, row.row, lines)))
        progress(done, len(rows))
    return scored


def _generate(
    db: Database,
    adapter: Adapter,
    targets: list[Target],
    extent: Extent,
    seed: int,
    progress: Progress,
    *,
    bare: bool = False,
) -> Validity:
    """Write one line in place of each target, sampled as a chat samples but without its grammar; judge its format."""
    from ventriloquist.model.sample import sample_lines

    context = extent.validity_context or adapter.manifest.window - 1
    prompts = [prompt(db, target, context) for target in targets]
    sample = partial(sample_lines, adapter.model, adapter.tokenizer, max_new_tokens=MAX_NEW_TOKENS)
    texts = [one.text for one in prompts]
    if bare:
        with adapter.disabled():
            lines = sample(texts, seed=seed)
    else:
        lines = sample(texts, seed=seed)
    progress(len(lines), len(lines))
    return validity(lines, [one.members for one in prompts])


def _baseline(db: Database) -> tuple[list[str], Callable[[list[str]], list[str]]]:
    """Return the candidates of the name swap and the n-gram classifier trained on their training messages."""
    names = db.conn.execute(
        "SELECT sender FROM training_messages WHERE split = 'train' AND kind = 'text'"
        " GROUP BY sender ORDER BY count(*) DESC, sender LIMIT ?",
        (MAX_CANDIDATES,),
    )
    candidates = [name for (name,) in names]
    rows = db.conn.execute(
        "SELECT content, sender FROM training_messages WHERE split = 'train' AND kind = 'text'"
        " AND sender IN (SELECT value FROM json_each(?))",
        (json.dumps(candidates),),
    ).fetchall()
    return candidates, ngram_classifier([content for content, _ in rows], [sender for _, sender in rows])
