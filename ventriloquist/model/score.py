"""Log-probabilities of lines, in nats: of name, delta and content, without a grammar mask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ventriloquist.model.corpus import TokenRow
from ventriloquist.model.prefix_cache import Continuation, PrefixCache
from ventriloquist.model.tokens import encode
from ventriloquist.transcript import DELTAS, Line, content_span, render_line

LINES_AT_ONCE = 256  # tokenised before they are scored


@dataclass(frozen=True, slots=True)
class LineScore:
    """The negative log-probability of one line, in nats, by part."""

    name: float
    delta: float
    content: float  # the string after its opening quote, and the rest of the line with its newline
    characters: int  # code points of the un-escaped content
    deltas: tuple[float, ...]  # P(delta | context, name) of each of DELTAS; their sum is 1
    alternatives: tuple[float, ...] = ()  # nats of the contents of alternative lines


def score_row(
    model: Any, tokenizer: Any, row: TokenRow, lines: Sequence[Line], alternatives: Sequence[Sequence[Line]] = ()
) -> list[LineScore]:
    """Score the targets of one row in one pass, with logits at target positions only.

    Args:
        lines: the parsed targets, in the order of `row.targets`.
        alternatives: for each target, other lines to score in its place; they share its context.
    """
    wanted: list[tuple[int, int]] = []
    forks_of = []
    for line, (_, first, end) in zip(lines, row.targets, strict=True):
        wanted += [(index - 1, int(row.tokens[index])) for index in range(first, end)]
        forks_of.append(list(_forks(_delta_lines(tokenizer, line.name))))
    shared = len(wanted)
    others: list[Continuation] = []  # up to forks that are not on the row itself
    for forks, (_, first, end) in zip(forks_of, row.targets, strict=True):
        own = row.tokens[first:end].tolist()
        for path, children in forks:
            same = _common_prefix(path, own)
            if same == len(path):
                wanted += [(first + same - 1, token) for token in children]
            else:
                rest = [*path[same:], 0]  # the last token of a continuation is not fed
                others.append(Continuation(first + same, rest, [(len(rest) - 1, token) for token in children]))
    cache = PrefixCache(model, row.tokens, wanted)
    on_row, beside_row = iter(cache.nats[shared:]), iter(np.concatenate([*cache.score(others), np.empty(0)]))
    scores = []
    begin = 0
    for index, (line, forks, (_, first, end)) in enumerate(zip(lines, forks_of, row.targets, strict=True)):
        own = row.tokens[first:end].tolist()
        found = [
            [next(on_row if _common_prefix(path, own) == len(path) else beside_row) for _ in children]
            for path, children in forks
        ]
        name, delta, content = _by_part(tokenizer, line, own, cache.nats[begin : begin + end - first])
        instead = [_content_of(tokenizer, other, first) for other in alternatives[index]] if alternatives else []
        scores.append(
            LineScore(
                name,
                delta,
                content,
                len(line.content),
                _delta_probabilities(tokenizer, line.name, forks, found),
                tuple(float(nats.sum()) for nats in cache.score(instead)),
            )
        )
        begin += end - first
    return scores


def score_contents(model: Any, tokenizer: Any, prefix: str, lines: Sequence[Line]) -> Iterator[float]:
    """Yield the nats of each line's content after a prefix, which is computed once.

    Args:
        prefix: whole lines of a transcript from its header on, each ended by its newline.
    """
    ids = np.asarray(encode(tokenizer, prefix, start=True), dtype=np.uint32)
    cache = PrefixCache(model, ids)
    for start in range(0, len(lines), LINES_AT_ONCE):
        part = lines[start : start + LINES_AT_ONCE]
        for nats in cache.score([_content_of(tokenizer, line, len(ids)) for line in part]):
            yield float(nats.sum())


def score_rows_after(
    model: Any, tokenizer: Any, prefix: str, rows: Sequence[TokenRow], lines: Sequence[Sequence[Line]]
) -> Iterator[list[float]]:
    """Yield the nats of the contents of each row's targets, where the model has read a prefix before the row.

    Args:
        prefix: whole lines of another transcript, from its header on, each ended by its newline. It is computed once.
        lines: for each row, its parsed targets in the order of `row.targets`.
    """
    ids = np.asarray(encode(tokenizer, prefix, start=True), dtype=np.uint32)
    cache = PrefixCache(model, ids)
    starts = len(encode(tokenizer, "", start=True))  # a token that begins every text begins the prefix already
    for row, of_row in zip(rows, lines, strict=True):
        wanted = []
        counts = []
        for line, (_, first, end) in zip(of_row, row.targets, strict=True):
            _, _, in_content = _parts(tokenizer, line)
            inside = [first + int(index) for index in np.flatnonzero(in_content)]
            if len(in_content) != end - first:
                raise ValueError("the line is tokenised differently from the cached row")
            wanted += [(index - 1 - starts, int(row.tokens[index])) for index in inside]
            counts.append(len(inside))
        nats = cache.follow(row.tokens[starts:], wanted)
        yield [float(of_line.sum()) for of_line in np.split(nats, np.cumsum(counts)[:-1])]


def _content_of(tokenizer: Any, line: Line, at: int) -> Continuation:
    """Return a line as a continuation whose content is to be scored."""
    ids, _, in_content = _parts(tokenizer, line)
    return Continuation(at, ids, [(int(index), ids[index]) for index in np.flatnonzero(in_content)])


def _by_part(tokenizer: Any, line: Line, tokens: list[int], nats: NDArray[np.float64]) -> tuple[float, float, float]:
    """Sum a line's nats over name, delta and content. A token that overlaps the content counts as content."""
    ids, in_name, in_content = _parts(tokenizer, line)
    if ids != tokens:
        raise ValueError("the line is tokenised differently from the cached row")
    parts = (in_name, ~in_name & ~in_content, in_content)
    name, delta, content = (float(nats[part].sum()) for part in parts)
    return name, delta, content


def _parts(tokenizer: Any, line: Line) -> tuple[list[int], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return a line's tokens, and masks of those in its name and in its content."""
    name_end, content_start = content_span(line)
    encoding = tokenizer.backend_tokenizer.encode(render_line(line) + "\n", add_special_tokens=False)
    ends = np.array([end for _, end in encoding.offsets])
    return encoding.ids, ends <= name_end, ends > content_start


# The tokens of the six deltas form a tree. Only the probabilities at its forks are computed; tokens that the format
# fixes count as certain. So the distribution over all six costs a few tokens more than the probability of one.

_Forks = list[tuple[list[int], list[int]]]  # the tokens of a line up to a fork, and the possible next tokens


def _forks(encoded: Sequence[list[int]], depth: int = 0) -> Iterator[tuple[list[int], list[int]]]:
    if len(encoded) < 2:
        return
    while len({tokens[depth] for tokens in encoded}) == 1:
        depth += 1
    following = sorted({tokens[depth] for tokens in encoded})
    yield encoded[0][:depth], following
    for token in following:
        yield from _forks([tokens for tokens in encoded if tokens[depth] == token], depth + 1)


def _delta_probabilities(
    tokenizer: Any, name: str, forks: _Forks, nats: Sequence[Sequence[float]]
) -> tuple[float, ...]:
    """Multiply the probabilities at each delta's forks, and normalise over the six deltas."""
    values = []
    for tokens in _delta_lines(tokenizer, name):
        total = 0.0
        for (path, children), of_children in zip(forks, nats, strict=True):
            if tokens[: len(path)] == path:
                total += of_children[children.index(tokens[len(path)])]
        values.append(total)
    weights = np.exp(min(values) - np.asarray(values))
    return tuple(float(weight) for weight in weights / weights.sum())


def _delta_lines(tokenizer: Any, name: str) -> list[list[int]]:
    """Encode the six lines that differ in their delta only."""
    return [encode(tokenizer, render_line(Line(name, delta, "")) + "\n") for delta in DELTAS]


def _common_prefix(path: Sequence[int], tokens: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(path, tokens, strict=False)) if a != b), min(len(path), len(tokens)))
