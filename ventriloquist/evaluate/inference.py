"""Run the adapter and its base model on held-out messages. Their outputs are cached in the run's folder."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from ventriloquist.evaluate.cache import OutputCache, key_of
from ventriloquist.evaluate.format_lines import ONE_DAY
from ventriloquist.evaluate.heldout import HeldOutRow, Target, context_before, draw_for_writing, draw_targets
from ventriloquist.evaluate.inputs import (
    Candidates,
    EvalContext,
    FormatKnown,
    FreeLines,
    Input,
    Message,
    Messages,
    NamesAlone,
    NamesInContext,
    RankedMessages,
    Scored,
    ScoredLines,
    System,
    Written,
    WrittenLines,
)
from ventriloquist.evaluate.metrics.identity import MAX_CANDIDATES
from ventriloquist.evaluate.metrics.ranking import OTHERS, SAME
from ventriloquist.evaluate.texts import read_placeholders, typed
from ventriloquist.model.adapter import Adapter
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.sampling import MAX_TOKENS, MIN_P, TEMPERATURE, Sampling, context_tokens
from ventriloquist.model.score import LineScore
from ventriloquist.records import Progress, Stage
from ventriloquist.store import Connection
from ventriloquist.transcript import Header, Line, parse_line, render_header, render_line

MAX_NEW_TOKENS = 120  # of a line without a grammar; a longer one counts as invalid
FREE_LINES = 100  # written without a grammar, at most: enough to tell 95 % from 100 %
LINES_AT_ONCE = 32  # written and cached together
ROWS_AT_ONCE = 8  # scored and cached together after lines of the format
TARGETS_AT_ONCE = 8  # scored and cached together under all names

ADAPTER, BASE = "adapter", "base"


@dataclass(frozen=True, slots=True)
class Extent:
    """How many messages are measured. None: all of them."""

    likelihood: int | None
    identity: int | None
    validity: int  # lines written as a chat does; at most FREE_LINES of these places are also filled without a grammar
    validity_context: int | None  # messages before a generated line; None: the adapter's whole window, as in a chat
    ranking: int = 0  # messages that are ranked among others, and scored under several names in their context
    thorough: bool = False  # the base model is measured like the adapter, and every message is written in its name


FULL = Extent(likelihood=None, identity=1000, validity=400, validity_context=None, ranking=100, thorough=True)
QUICK = Extent(likelihood=100, identity=48, validity=32, validity_context=4)


class Inference:
    """An adapter and its base model, run on held-out rows."""

    def __init__(
        self,
        db: Connection,
        corpus: Corpus,
        adapter: Adapter,
        rows: Sequence[HeldOutRow],
        scored: Sequence[HeldOutRow],
        cache: OutputCache,
        extent: Extent,
        seed: int,
        stage: Stage,
    ) -> None:
        self._db, self._corpus, self._adapter, self._cache = db, corpus, adapter, cache
        self._rows, self._scored_rows = rows, scored
        self._extent, self._seed, self._stage = extent, seed, stage
        self._placeholders = read_placeholders(db)
        self._writer: tuple[str, Any] | None = None  # a system and its LineWriter
        self.targets = [target for row in rows for target in row.targets]

    def systems(self, types: Collection[type[Input]], context: EvalContext) -> tuple[System, System]:
        """Return the outputs that metrics take, of the adapter and of the base model. Other outputs stay empty.

        Scores compare the adapter with its base model, on the same weights. Then the adapter is merged, as in a chat,
        and writes: after merging in bf16 the base model could not be restored exactly.
        """
        scored = self._scored(FormatKnown in types, context) if {*types} & {ScoredLines, FormatKnown} else []
        base = self._system(BASE, types, context, scored)
        return self._system(ADAPTER, types, context, scored), base

    def _system(
        self, system: str, types: Collection[type[Input]], context: EvalContext, scored: Sequence[Scored]
    ) -> System:
        named = types if system == ADAPTER or self._extent.thorough else ()
        names = self._named(system, context.candidates) if NamesAlone in named else []
        ranked = self._ranked(system) if RankedMessages in named else []
        swapped = self._swapped(system, context.candidates) if NamesInContext in named else []
        free = self._free(system) if FreeLines in types else []
        written = self._written(system) if {*named} & {WrittenLines, Messages} else []
        return System(
            system,
            scored=scored,
            free=free,
            written=written,
            messages=self._messages(system, written) if Messages in named else [],
            reference=context.real,
            names=names,
            ranked=ranked,
            swapped=swapped,
        )

    def _progress(self, system: str, stage: str) -> Progress:
        return self._stage(stage if system == ADAPTER else f"{stage} without the adapter")

    def _cached(
        self,
        kind: str,
        system: str,
        inputs: Sequence[object],
        function: Callable[..., Iterable[Any]],
        *arguments: Any,
        keep: Callable[[Any], Any] = lambda one: one,
        writes: bool = False,
    ) -> list[Any]:
        """Return what a function of model and tokenizer gives, as JSON, or what the cache holds for these inputs.

        Args:
            writes: the adapter is made ready to write first, as in a chat; afterwards the base model is gone.
        """
        writes = writes and system == ADAPTER
        in_type = ("bfloat16",) if writes and self._adapter.writes_in_bfloat16 else ()
        key = key_of(kind, system, *inputs, *in_type)
        known = self._cache.get(key)
        if known is None:
            if writes:
                self._adapter = self._adapter.to_write()
            with self._adapter.disabled() if system == BASE else nullcontext():
                found = function(self._adapter.model, self._adapter.tokenizer, *arguments)
                known = self._cache.put(key, [keep(one) for one in found])
        return list(known)

    def _scored(self, format_known: bool, context: EvalContext) -> list[Scored]:
        from ventriloquist.model.score import score_row

        progress = self._stage("Scoring")
        rows = self._scored_rows
        progress(0, len(rows))
        scored: list[Scored] = []
        for done, row in enumerate(rows, 1):
            lines = [target.line for target in row.targets]
            found = []
            for system in (ADAPTER, BASE):
                inputs = (row.row.tokens.tolist(), row.row.targets)
                kept = self._cached("row", system, inputs, score_row, row.row, lines, keep=asdict)
                found.append([LineScore(**{**one, "deltas": tuple(one["deltas"])}) for one in kept])
            scored += [Scored(*item) for item in zip(row.targets, *found, strict=True)]
            progress(done, len(rows))
        if not format_known or not context.format_lines:
            return scored
        told = self._told(rows, context.format_lines)
        return [item._replace(told=nats) for item, nats in zip(scored, told, strict=True)]

    def _told(self, rows: Sequence[HeldOutRow], shown: str) -> Iterator[float]:
        """Yield the nats of each target's content to the base model, after other lines and the target's own row."""
        from ventriloquist.model.score import score_rows_after

        progress = self._stage("Scoring with the format known")
        progress(0, len(rows))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[start : start + ROWS_AT_ONCE]
            lines = [[target.line for target in row.targets] for row in part]
            inputs = (shown, [(row.row.tokens.tolist(), row.row.targets) for row in part])
            for nats in self._cached("told", BASE, inputs, score_rows_after, shown, [row.row for row in part], lines):
                yield from nats
            progress(start + len(part), len(rows))

    def _free(self, system: str) -> list[Written]:
        """Write lines in place of targets without a grammar: whether they keep to the format is what is asked."""
        targets = draw_for_writing(self.targets, min(self._extent.validity, FREE_LINES), self._seed)
        texts = self._write_freely(system, ["".join(self._context(target)) for target in targets])
        return [Written(*item) for item in zip(targets, texts, strict=True)]

    def _written(self, system: str) -> list[Written]:
        """Write one line in place of each target as a chat does, by whichever member the model expects."""
        targets = draw_for_writing(self.targets, self._extent.validity, self._seed)
        texts = self._write(system, targets, [target.conversation.members for target in targets], "Writing")
        return [Written(*item) for item in zip(targets, texts, strict=True)]

    def _messages(self, system: str, lines: Sequence[Written]) -> list[Message]:
        """Return a message by the target's writer in place of each target.

        A line is used if the model wrote it under that name unasked: the name comes first, so the rest is sampled as
        if the name had been given. For the other targets a line is written again with the name given.
        """
        found = {
            line.target: one.content for line in lines if (one := parse_line(line.text)).name == line.target.line.name
        }
        again = [
            line.target
            for line in lines
            if line.target not in found and (self._extent.thorough or line.target.is_final)
        ]
        texts = self._write(system, again, [(target.line.name,) for target in again], "Writing in their names")
        found |= {target: parse_line(text).content for target, text in zip(again, texts, strict=True)}
        own = {target: typed(content, self._placeholders) for target, content in found.items()}
        return [Message(line.target, own[line.target]) for line in lines if own.get(line.target)]

    def _context(self, target: Target) -> list[str]:
        """Return a target's context as a chat shows it: as many messages and tokens."""
        manifest = self._adapter.manifest
        messages = self._extent.validity_context or manifest.window - 1
        return context_before(self._db, self._corpus, target, messages, context_tokens(manifest.max_length))

    def _write(self, system: str, targets: Sequence[Target], names: Sequence[Sequence[str]], stage: str) -> list[str]:
        """Write rendered lines with chat's writer: its grammar, its sampling, its longest line.

        The base model writes without name guidance: it has not learnt whose style a name stands for.
        """
        sampling = Sampling() if system == ADAPTER else Sampling(name_guidance=0)
        return self._in_parts(
            "chat lines",
            (asdict(sampling), MAX_TOKENS),
            partial(self._write_lines, system=system, sampling=sampling),
            system,
            [(self._context(target), list(of_line)) for target, of_line in zip(targets, names, strict=True)],
            stage,
        )

    def _write_lines(
        self,
        model: Any,
        tokenizer: Any,
        asked: Sequence[tuple[Sequence[str], Sequence[str]]],
        *,
        system: str,
        sampling: Sampling,
        seed: int,
    ) -> list[str]:
        """Write a rendered line after each context, by one of the names given with it."""
        from ventriloquist.model.line_writer import LineWriter

        if self._writer is None or self._writer[0] != system:  # its grammar takes seconds
            self._writer = system, LineWriter(model, tokenizer, sampling=sampling)
        lines = self._writer[1].write_each([context for context, _ in asked], [names for _, names in asked], seed)
        return [render_line(line) for line in lines]

    def _write_freely(self, system: str, prompts: Sequence[str]) -> list[str]:
        from ventriloquist.model.generate import sample_lines

        write = partial(sample_lines, max_new_tokens=MAX_NEW_TOKENS)
        how = (MAX_NEW_TOKENS, TEMPERATURE, MIN_P)
        return self._in_parts("free lines", how, write, system, prompts, "Writing without a grammar")

    def _in_parts(
        self, kind: str, how: object, write: Callable[..., Iterable[str]], system: str, asked: Sequence[Any], stage: str
    ) -> list[str]:
        """Write lines, LINES_AT_ONCE of which are cached together."""
        if not asked:
            return []
        progress = self._progress(system, stage)
        progress(0, len(asked))
        texts: list[str] = []
        for start in range(0, len(asked), LINES_AT_ONCE):
            part = asked[start : start + LINES_AT_ONCE]
            seed = self._seed + start // LINES_AT_ONCE
            texts += self._cached(kind, system, (seed, how, part), partial(write, seed=seed), part, writes=True)
            progress(len(texts), len(asked))
        return texts

    def _named(self, system: str, candidates: Sequence[str]) -> list[Candidates]:
        """Score each message without a context, under each candidate's name."""
        if len(candidates) < 2:
            return []
        targets = draw_targets(
            [target for target in self.targets if target.line.name in candidates], self._extent.identity, self._seed
        )
        prefix = render_header(Header("group", tuple(candidates), ONE_DAY)) + "\n"
        swapped = [[Line(name, one.line.delta, one.line.content) for name in candidates] for one in targets]
        costs = self._contents(system, prefix, swapped, "Swapping names")
        return [
            Candidates(target, tuple(of_target), candidates.index(target.line.name), tuple(candidates))
            for target, of_target in zip(targets, costs, strict=True)
        ]

    def _contents(self, system: str, prefix: str, lines: Sequence[Sequence[Line]], stage: str) -> Iterator[list[float]]:
        """Yield the nats of the contents of each group of lines after a prefix."""
        from ventriloquist.model.score import score_contents

        progress = self._progress(system, stage)
        progress(0, len(lines))
        for start in range(0, len(lines), TARGETS_AT_ONCE):
            part = lines[start : start + TARGETS_AT_ONCE]
            flat = [line for group in part for line in group]
            inputs = (prefix, [render_line(line) for line in flat])
            rest = iter(self._cached("contents", system, inputs, score_contents, prefix, flat))
            yield from ([next(rest) for _ in group] for group in part)
            progress(min(start + TARGETS_AT_ONCE, len(lines)), len(lines))

    def _ranked(self, system: str) -> list[Candidates]:
        """Score the true message and nineteen others in each target's place. Their cost is −PMI."""
        found = []
        for target, group, inside in self._in_place(system, self._rivals, "Ranking"):
            others = target.conversation.members
            prefix = render_header(Header("dm" if len(others) == 2 else "group", others, ONE_DAY)) + "\n"
            (alone,) = self._contents(system, prefix, [group], "Ranking")
            found.append(Candidates(target, tuple(here - there for here, there in zip(inside, alone, strict=True)), 0))
        return found

    def _swapped(self, system: str, candidates: Sequence[str]) -> list[Candidates]:
        """Score each message in its context, under each candidate's name."""

        def under_each_name(target: Target) -> list[Line]:
            names = dict.fromkeys((target.line.name, *candidates))
            return [Line(name, target.line.delta, target.line.content) for name in list(names)[:MAX_CANDIDATES]]

        return [
            Candidates(target, tuple(costs), 0, tuple(line.name for line in group))
            for target, group, costs in self._in_place(system, under_each_name, "Swapping names in context")
        ]

    def _in_place(
        self, system: str, lines_of: Callable[[Target], list[Line]], stage: str
    ) -> Iterator[tuple[Target, list[Line], list[float]]]:
        """Yield drawn targets, candidate lines for their place, and the nats of those lines' contents."""
        from ventriloquist.model.score import score_row

        chosen = {target.id for target in draw_targets(self.targets, self._extent.ranking, self._seed)}
        rows = [row for row in self._rows if any(target.id in chosen for target in row.targets)]
        progress = self._progress(system, stage)
        progress(0, len(rows))
        for done, row in enumerate(rows, 1):
            groups = [lines_of(target) if target.id in chosen else [] for target in row.targets]
            rendered = [[render_line(line) for line in group] for group in groups]
            inputs = (row.row.tokens.tolist(), rendered)
            own = [target.line for target in row.targets]
            kept = self._cached(
                "in place", system, inputs, score_row, row.row, own, groups, keep=lambda score: list(score.alternatives)
            )
            yield from (item for item in zip(row.targets, groups, kept, strict=True) if len(item[1]) > 1)
            progress(done, len(rows))

    def _rivals(self, target: Target) -> list[Line]:
        """Return the true line and rival ones: nine contents of the same person, and ten of other people."""
        generator = random.Random(f"{self._seed} {target.id}")  # noqa: S311  # not for secrets
        true = target.line
        same = sorted({one.line.content for one in self.targets if one.line.name == true.name} - {true.content})
        others = sorted({one.line.content for one in self.targets if one.line.name != true.name} - {true.content})
        if len(same) < SAME or len(others) < OTHERS:
            return []
        contents = [true.content, *generator.sample(same, SAME), *generator.sample(others, OTHERS)]
        return [Line(true.name, true.delta, content) for content in contents]
