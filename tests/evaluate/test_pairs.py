"""Verdicts by the intervals of a figure minus its floor and minus its ceiling, here and in other conversations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ventriloquist.evaluate import Evaluation
from ventriloquist.evaluate.compare import compare
from ventriloquist.evaluate.metric import Measurement, assess, only_here, verdict
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.statistics import Interval, excess_interval
from ventriloquist.evaluate.tally import excess, share
from ventriloquist.evaluate.words import headline, summary

VOICE, COPIES, MORE, LESS = (METRICS[name] for name in ("voice", "copies", "identity", "fingerprint"))


# how far a figure is above its floor, and its ceiling above the figure, with noise: what is said
@pytest.mark.parametrize(
    ("over_floor", "over_ceiling", "said"),
    [
        ((0.1, 0.5), (-0.3, 0.2), "indistinguishable at this n"),
        ((0.1, 0.5), (-0.3, -0.1), "between"),
        ((-0.1, 0.5), (-0.3, -0.1), "no better than the floor"),
        ((-0.5, -0.1), (-0.9, -0.5), "worse than the floor"),
        ((0.1, 0.9), (0.1, 0.5), "above the ceiling"),
        ((float("-inf"), float("inf")), (-0.3, -0.1), "no better than the floor"),
        ((0.1, 0.5), (float("-inf"), float("inf")), "indistinguishable at this n"),
    ],
)
def test_a_verdict_goes_by_the_differences_from_floor_and_ceiling(
    over_floor: tuple[float, float], over_ceiling: tuple[float, float], said: str
) -> None:
    apart = Interval(*over_floor), Interval(*over_ceiling)
    assert verdict(MORE, 500, 0.5, Interval(0.45, 0.55), (0.2, 0.8), apart) == said
    turned = Interval(-over_floor[1], -over_floor[0]), Interval(-over_ceiling[1], -over_ceiling[0])
    assert verdict(LESS, 500, 0.5, Interval(0.45, 0.55), (0.8, 0.2), turned) == said


def by_stretch(values: list[float], conversations: int = 4) -> Measurement:
    """Return a mean of stretches of ten messages."""
    sums = {(n % conversations, n): np.array([10 * value, 10.0]) for n, value in enumerate(values)}
    return Measurement(10 * len(values), sums, share)


def test_a_noisy_ceiling_is_no_constant() -> None:
    generator = np.random.default_rng(0)
    sure, noisy = generator.normal(90, 2, 40), generator.normal(100, 60, 40)
    noisy += 100 - noisy.mean()
    others = {"pooled": by_stretch([0.1, -0.1] * 20), "real": by_stretch(list(noisy))}
    result = assess(VOICE, by_stretch(list(sure)), others, seed=0)
    assert result.high is not None
    assert result.ceiling is not None
    assert result.high < result.ceiling  # so against a constant it would be below the ceiling
    assert result.verdict == "indistinguishable at this n"
    others["real"] = by_stretch([99, 101] * 20)
    assert assess(VOICE, by_stretch(list(sure)), others, seed=0).verdict == "close"


def test_a_noisy_floor_is_no_constant_and_noise_that_both_have_does_not_count() -> None:
    generator = np.random.default_rng(1)
    hard = generator.normal(0, 40, 40)
    hard -= hard.mean()
    paired = {"pooled": by_stretch(list(hard)), "real": by_stretch([99, 101] * 20)}
    with_noise = assess(VOICE, by_stretch(list(generator.permutation(hard) + 12)), paired, seed=0)
    assert with_noise.verdict == "no better than the floor"
    same_noise = assess(VOICE, by_stretch(list(hard + 12 + generator.normal(0, 2, 40))), paired, seed=0)
    assert same_noise.low is not None
    assert same_noise.low < 0  # its own interval holds the floor
    assert same_noise.verdict == "between"


def test_the_real_other_half_is_measured_on_other_messages() -> None:
    generator = np.random.default_rng(2)
    own, real = by_stretch(list(generator.normal(50, 9, 40))), by_stretch(list(generator.normal(100, 9, 80)))
    half = replace(real, sums={place: one for place, one in real.sums.items() if place[1] >= 40})
    result = assess(VOICE, own, {"pooled": by_stretch([-9, 9] * 20), "real": half}, seed=0)
    assert not own.sums.keys() & half.sums.keys()
    assert (result.verdict, result.other_verdict) == ("between", "between")


def test_squares_are_compared_with_their_floor_and_ceiling_in_pairs() -> None:
    def off(by: float, seed: int) -> Measurement:
        values = np.random.default_rng(seed).normal(by, 1, 200)
        sums = {(n % 9, n): np.array([value, 1.0]) for n, value in enumerate(values)}
        return Measurement(200, sums, lambda totals: share(totals) ** 2, is_square=True)

    ends = {"pooled": off(2, 1), "real": off(0, 2)}
    assert assess(LESS, off(0, 3), ends, seed=0).verdict == "indistinguishable at this n"
    assert assess(LESS, off(1, 3), ends, seed=0).verdict == "between"
    assert assess(LESS, off(2, 3), ends, seed=0).verdict == "no better than the floor"
    assert assess(LESS, off(3, 3), ends, seed=0).verdict == "worse than the floor"


def test_what_is_not_sure_of_other_conversations_is_said_of_these_only() -> None:
    bits = METRICS["likelihood"]
    mostly = [0.6 if n % 4 == 0 else -0.1 for n in range(40)]  # one conversation of four makes the figure
    result = assess(bits, by_stretch([value + n % 3 / 50 for n, value in enumerate(mostly)]), {}, seed=0)
    assert (result.verdict, result.other_verdict) == ("better than the floor", "no better than the floor")
    assert only_here(bits, result)
    assert summary(bits, result).endswith("better than the floor, for these conversations only")
    evaluation = Evaluation(2, "", "", 0, False, 0, {}, {}, {"likelihood": result}, {}, (), (), {})
    assert "This holds for these conversations only." in headline(evaluation)
    everywhere = assess(bits, by_stretch([0.3, 0.4] * 20), {}, seed=0)
    assert not only_here(bits, everywhere)
    assert everywhere.other_low is not None
    assert summary(bits, everywhere).endswith("better than the floor")
    assert "for these conversations, " in summary(bits, everywhere)
    assert " for other ones" in summary(bits, everywhere)


def test_one_conversation_has_no_interval_for_other_ones() -> None:
    bits = METRICS["likelihood"]
    result = assess(bits, by_stretch([0.3, 0.4] * 20, conversations=1), {}, seed=0)
    assert (result.other_low, result.other_high, result.other_verdict) == (None, None, None)
    assert result.verdict == "better than the floor"
    assert only_here(bits, result)
    assert "for these conversations;" in summary(bits, result)
    assert "other ones" not in summary(bits, result)
    row = compare("other", {"likelihood": by_stretch([0.3, 0.4] * 20, 1)}, {"likelihood": by_stretch([0.1] * 40, 1)}, 0)
    compared_row = row.metrics["likelihood"]
    assert compared_row.outcome == "better"
    assert (compared_row.other_low, compared_row.other_high) == (None, None)


def test_a_guard_that_fails_here_may_not_fail_elsewhere() -> None:
    sums = {(n % 4, n): np.array([n % 4 == 0, 10, 0, 10], dtype=float) * 4 for n in range(40)}
    found = Measurement(1600, sums, excess, exact=excess_interval)
    result = assess(COPIES, found, {}, seed=0)
    assert result.verdict == "passes"
    assert not only_here(COPIES, result)
    sums = {
        place: vector + np.array([place[1] % 2 * 2 + 6 * (place[0] == 0), 0, 0, 0]) for place, vector in sums.items()
    }
    result = assess(COPIES, Measurement(1600, sums, excess, exact=excess_interval), {}, seed=0)
    assert (result.verdict, result.other_verdict) == ("fails: too much", "passes")
    assert only_here(COPIES, result)
