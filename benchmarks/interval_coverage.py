"""How often the 95 % intervals of `vq eval` hold the truth, in simulated chats.

A population is made of conversations whose sizes have a heavy tail (Pareto, exponent 1.5). Messages are alike within a
conversation and within a stretch of ten. Each repetition draws conversations and messages, and makes both intervals:

- for *these* conversations: the truth is the long-run figure of the conversations that were drawn,
- for *other* conversations: the truth is the population's.

Five kinds of figures: a share and a rare one (Wilson), a mean, a ratio of sums (bootstrap), and the root of a square
(jackknife). Each line prints the share of intervals that hold the truth, and the median width.

The lines of false alarms compare two systems that are equally good in the long run: how often the interval of their
difference does not hold 0, so that a verdict would tell them apart. It should be at most 5 %. The systems are measured
on the same messages, on different halves, or one on half of the other's messages.

    python benchmarks/interval_coverage.py [--repeats N] [--smallest N]

It runs for a minute or two, without a model.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from math import erf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ventriloquist.evaluate.resampling import SCHEMES, Scheme, Sums
from ventriloquist.evaluate.statistics import bootstrap, difference, root_of_square, share_interval
from ventriloquist.evaluate.tally import ratio as divide

CONVERSATIONS = (6, 8, 20, 60)
STRETCH = 10
SMALLEST, LARGEST = 8, 400  # messages of a conversation
REPEATS = 400
BETWEEN, WITHIN = 0.6, 0.4  # standard deviations of conversations and of stretches; that of a message is 1
CUTS = {"share": 0.5, "rare share": 2.4}  # the share of messages above
FIGURES = (*CUTS, "mean", "ratio", "square")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """The messages of some conversations: the place of each, and what it adds to the sums of each figure."""

    conversation: NDArray[np.int64]
    stretch: NDArray[np.int64]
    centre: Array  # of the message's conversation
    size: Array  # the number of characters, larger where the centre is
    error: Array  # of the message, with that of its stretch


def draw(count: int, generator: np.random.Generator, smallest: int = SMALLEST) -> Drawn:
    sizes = np.minimum(smallest * (1 + generator.pareto(1.5, count)), LARGEST).astype(int)
    conversation = np.repeat(np.arange(count), sizes)
    place = np.concatenate([np.arange(size) for size in sizes])
    stretch = conversation * 1000 + place // STRETCH
    _, index = np.unique(stretch, return_inverse=True)
    centre = generator.normal(0, BETWEEN, count)[conversation]
    error = generator.normal(0, WITHIN, index.max() + 1)[index] + generator.normal(0, 1, len(place))
    return Drawn(conversation, stretch % 1000, centre, 1 + generator.poisson(np.exp(2 + centre / 2)), error)


def add_up(drawn: Drawn, columns: list[Any], keep: NDArray[np.bool_] | None = None) -> Sums:
    """Return the sums of each stretch."""
    keys = drawn.conversation * 1000 + drawn.stretch
    rows = np.stack([np.broadcast_to(column, keys.shape).astype(float) for column in columns], axis=1)
    if keep is not None:
        keys, rows = keys[keep], rows[keep]
    found, index = np.unique(keys, return_inverse=True)
    sums = np.zeros((len(found), len(columns)))
    np.add.at(sums, index, rows)
    return {(int(key // 1000), int(key % 1000)): vector for key, vector in zip(found, sums, strict=True)}


def ratio(sums: Array) -> Array:
    return divide(sums[..., 0], sums[..., 1])


def square(sums: Array) -> Array:
    return ratio(sums) ** 2


def truths(drawn: Drawn | None) -> dict[str, float]:
    """Return the true figures of the conversations that were drawn, or of the population."""
    if drawn is None:
        characters = np.exp(2 + BETWEEN**2 / 8)
        mean = 0.0
        shares = {name: norm(-cut / np.sqrt(1 + WITHIN**2 + BETWEEN**2)) for name, cut in CUTS.items()}
        slope = characters * BETWEEN**2 / 2 / (1 + characters)
    else:
        mean = float(drawn.centre.mean())
        centres, messages = np.unique(drawn.centre, return_counts=True)
        shares = {
            name: float(np.average([norm((one - cut) / np.sqrt(1 + WITHIN**2)) for one in centres], weights=messages))
            for name, cut in CUTS.items()
        }
        characters = 1 + np.exp(2 + drawn.centre / 2)
        slope = float((characters * drawn.centre).sum() / characters.sum())
    return {**shares, "mean": mean, "ratio": 1 + 0.3 * float(slope), "square": abs(0.5 + mean)}


def norm(z: float) -> float:
    """Return the normal's distribution function."""
    return 0.5 * (1 + erf(z / sqrt(2)))


def intervals(drawn: Drawn, seed: int, scheme: Scheme) -> dict[str, tuple[float, float]]:
    value = drawn.centre + drawn.error
    bits = drawn.size * (1 + 0.3 * value)
    return {
        **{name: share_interval(add_up(drawn, [value > cut, 1]), scheme) for name, cut in CUTS.items()},
        "mean": bootstrap(add_up(drawn, [value, 1]), ratio, seed, scheme),
        "ratio": bootstrap(add_up(drawn, [bits, drawn.size]), ratio, seed, scheme),
        "square": root_of_square(add_up(drawn, [0.5 + value, 1]), square, scheme)[1:],
    }


def alarms(drawn: Drawn, generator: np.random.Generator, scheme: Scheme) -> dict[str, bool]:
    """Compare two systems that are equal in the long run: whether a verdict would tell them apart."""
    seed = int(generator.integers(2**31))
    second = drawn.centre + 0.5 * drawn.error + generator.normal(0, 0.9, len(drawn.error))
    if scheme == "other":  # they differ in these conversations, and not on average
        second = second + generator.normal(0, 0.3, drawn.conversation.max() + 1)[drawn.conversation]
    ours = add_up(drawn, [drawn.centre + drawn.error, 1])
    half = (drawn.conversation + drawn.stretch) % 2 == 0
    sides = {
        "same messages": (ours, add_up(drawn, [second, 1])),
        "other half": (
            add_up(drawn, [drawn.centre + drawn.error, 1], half), add_up(drawn, [second, 1], ~half),
        ),
        "more messages": (add_up(drawn, [drawn.centre + drawn.error, 1], half), add_up(drawn, [second, 1])),
    }  # fmt: skip
    found = {name: difference((one, ratio), (other, ratio), seed, scheme) for name, (one, other) in sides.items()}
    return {name: one is not None and not one.low <= 0 <= one.high for name, one in found.items()}


def simulate(count: int, repeats: int, smallest: int = SMALLEST) -> Iterator[tuple[str, str, float, float]]:
    """Yield the kind of figure, whose interval, the share of intervals that hold the truth, and their mean width."""
    generator = np.random.default_rng(count)
    held: dict[tuple[str, Scheme], list[tuple[bool, float]]] = {}
    false: dict[tuple[str, Scheme], list[bool]] = {}
    for seed in range(repeats):
        drawn = draw(count, generator, smallest)
        for scheme in SCHEMES:
            truth = truths(drawn if scheme == "these" else None)
            for name, (low, high) in intervals(drawn, seed, scheme).items():
                held.setdefault((name, scheme), []).append((low <= truth[name] <= high, high - low))
            for name, alarm in alarms(drawn, generator, scheme).items():
                false.setdefault((name, scheme), []).append(alarm)
    for (name, scheme), rows in held.items():
        yield name, scheme, float(np.mean([one for one, _ in rows])), float(np.median([width for _, width in rows]))
    for (name, scheme), alarmed in false.items():
        yield f"false alarms, {name}", scheme, float(np.mean(alarmed)), float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--smallest", type=int, default=SMALLEST, help="messages of a conversation")
    arguments = parser.parse_args()
    for count in CONVERSATIONS:
        for name, scheme, share, width in simulate(count, arguments.repeats, arguments.smallest):
            print(f"{count:3} conversations  {name:28}  {scheme:5}  {share:6.3f}  {width:6.3f}", flush=True)


if __name__ == "__main__":
    main()
