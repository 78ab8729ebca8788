"""Log-probabilities of lines: how well a model expects a name, a delta and a content, in nats, without a grammar."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ventriloquist.model.corpus import TokenRow
from ventriloquist.model.tokens import encode
from ventriloquist.model.trunk import Branch, Trunk
from ventriloquist.transcript import DELTAS, Line, content_span, render_line

BRANCHES_AT_ONCE = 256  # lines that are tokenised before they are scored


@dataclass(frozen=True, slots=True)
class LineScore:
    """The negative log-probability of one line, in nats, by part."""

    name: float
    delta: float
    content: float  # the inside of the string, what closes it, and the newline
    characters: int  # code points of the un-escaped content
    deltas: tuple[float, ...]  # P(delta | context, name) over DELTAS, of which it is one; they add up to 1
    alternatives: tuple[float, ...] = ()  # nats of the contents of the lines that could stand in its place

    @property
    def bits_per_character(self) -> float:
        return self.content / math.log(2) / max(1, self.characters)


def score_row(
    model: Any,
    tokenizer: Any,
    row: TokenRow,
    lines: Sequence[Line],
    alternatives: Sequence[Sequence[Line]] = (),
) -> list[LineScore]:
    """Score the targets of one row, which is read once; the head runs at target positions only.

    Args:
        row: header, context and targets as token ids.
        lines: the parsed targets, in the order of `row.targets`.
        alternatives: for each target, lines that could stand in its place; they share the context's computation.
    """
    wanted: list[tuple[int, int]] = []
    trees = []
    for line, (_, first, end) in zip(lines, row.targets, strict=True):
        wanted += [(index - 1, int(row.tokens[index])) for index in range(first, end)]
        trees.append(_delta_nodes(tokenizer, line.name))
    shared = len(wanted)
    branches: list[Branch] = []
    for nodes, (_, first, end) in zip(trees, row.targets, strict=True):
        own = row.tokens[first:end].tolist()
        for path, children in nodes:
            same = _common_prefix(path, own)
            if same == len(path):
                wanted += [(first + same - 1, token) for token in children]
            else:
                rest = [*path[same:], 0]  # a branch's last token is never fed
                branches.append(Branch(first + same, rest, [(len(rest) - 1, token) for token in children]))
    trunk = Trunk(model, row.tokens, wanted)
    on_trunk, on_branch = iter(trunk.nats[shared:]), iter(np.concatenate([*trunk.branches(branches), np.empty(0)]))
    scores = []
    begin = 0
    for index, (line, nodes, (_, first, end)) in enumerate(zip(lines, trees, row.targets, strict=True)):
        own = row.tokens[first:end].tolist()
        found = [
            [next(on_trunk if _common_prefix(path, own) == len(path) else on_branch) for _ in children]
            for path, children in nodes
        ]
        name, delta, content = _by_part(tokenizer, line, own, trunk.nats[begin : begin + end - first])
        others = [_content_branch(tokenizer, other, first) for other in alternatives[index]] if alternatives else []
        scores.append(
            LineScore(
                name,
                delta,
                content,
                len(line.content),
                _bucket_probabilities(tokenizer, line.name, nodes, found),
                tuple(float(nats.sum()) for nats in trunk.branches(others)),
            )
        )
        begin += end - first
    return scores


def score_contents(model: Any, tokenizer: Any, prefix: str, lines: Sequence[Line]) -> Iterator[float]:
    """Yield the nats of each line's content where the line follows a prefix, which is read once and shared.

    Args:
        prefix: whole lines of a transcript from its header on, each ended by its newline.
    """
    ids = np.asarray(encode(tokenizer, prefix, start=True), dtype=np.uint32)
    trunk = Trunk(model, ids)
    for start in range(0, len(lines), BRANCHES_AT_ONCE):
        part = lines[start : start + BRANCHES_AT_ONCE]
        for nats in trunk.branches([_content_branch(tokenizer, line, len(ids)) for line in part]):
            yield float(nats.sum())


def _content_branch(tokenizer: Any, line: Line, at: int) -> Branch:
    """Return a line as a branch of which the content is wanted."""
    ids, _, in_content = _parts(tokenizer, line)
    return Branch(at, ids, [(int(index), ids[index]) for index in np.flatnonzero(in_content)])


def _by_part(tokenizer: Any, line: Line, tokens: list[int], nats: NDArray[np.float64]) -> tuple[float, float, float]:
    """Sum a line's nats over name, delta and content. A token that reaches into the content counts as content."""
    ids, in_name, in_content = _parts(tokenizer, line)
    if ids != tokens:
        raise ValueError("the line is not tokenised as it was when it was cached")
    return (
        float(nats[in_name].sum()),
        float(nats[~in_name & ~in_content].sum()),
        float(nats[in_content].sum()),
    )


def _parts(tokenizer: Any, line: Line) -> tuple[list[int], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a line's tokens, and which of them are of its name and of its content."""
    name_end, content_start = content_span(line)
    encoding = tokenizer.backend_tokenizer.encode(render_line(line) + "\n", add_special_tokens=False)
    ends = np.array([end for _, end in encoding.offsets])
    return encoding.ids, ends <= name_end, ends > content_start


# The six deltas share beginnings. Where they part, the model's expectation is read off; what then must follow in the
# format counts as certain. So a forecast over all six costs at most a few tokens more than the true one.

_Nodes = list[tuple[list[int], list[int]]]  # the tokens of a line up to a fork, and the tokens that follow it


def _delta_nodes(tokenizer: Any, name: str) -> _Nodes:
    """Return the forks of the six lines that differ in their delta."""
    return [(path, sorted(children)) for path, children in _forks(_delta_lines(tokenizer, name))]


def _forks(encoded: Sequence[list[int]], depth: int = 0) -> Iterator[tuple[list[int], set[int]]]:
    if len(encoded) < 2:
        return
    while len({tokens[depth] for tokens in encoded}) == 1:
        depth += 1
    following = {tokens[depth] for tokens in encoded}
    yield encoded[0][:depth], following
    for token in sorted(following):
        yield from _forks([tokens for tokens in encoded if tokens[depth] == token], depth + 1)


def _bucket_probabilities(
    tokenizer: Any, name: str, nodes: _Nodes, nats: Sequence[Sequence[float]]
) -> tuple[float, ...]:
    """Multiply along each delta's forks and normalise over the six."""
    values = []
    for tokens in _delta_lines(tokenizer, name):
        total = 0.0
        for (path, children), of_children in zip(nodes, nats, strict=True):
            if tokens[: len(path)] == path:
                total += of_children[children.index(tokens[len(path)])]
        values.append(total)
    weights = np.exp(min(values) - np.asarray(values))
    return tuple(float(weight) for weight in weights / weights.sum())


def _delta_lines(tokenizer: Any, name: str) -> list[list[int]]:
    return [encode(tokenizer, render_line(Line(name, delta, "")) + "\n") for delta in DELTAS]


def _common_prefix(path: Sequence[int], tokens: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(path, tokens, strict=False)) if a != b), min(len(path), len(tokens)))
