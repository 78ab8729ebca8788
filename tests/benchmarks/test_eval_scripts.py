"""The scripts that judge the evaluator: without a language model, on the demo's cast."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from statistics import mean

import pytest
from file_builder import Conversation, Message, filled
from stages import prepare

from ventriloquist.demo.build import play
from ventriloquist.demo.cast import CAST, CONVERSATIONS
from ventriloquist.evaluate import baselines
from ventriloquist.evaluate.inputs import System
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.rejections import rejections
from ventriloquist.store import open_database, transaction

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import canary
import eval_ladder
from eval_ladder import Heard, Stage

MESSAGES = 2600  # of the cast's latest: enough for 200 a side


@pytest.fixture(scope="module")
def stage() -> Stage:
    heard = [
        Heard(number, CAST[said.speaker].name, said.text)
        for number, conversation in enumerate(CONVERSATIONS)
        for said in play(conversation)[-MESSAGES // len(CONVERSATIONS) :]
    ]
    return eval_ladder.set_up(heard, sorted({one.name for one in heard}))


@pytest.fixture(scope="module")
def others(stage: Stage) -> dict[str, dict[str, object]]:
    return eval_ladder.ends(stage)


def test_on_a_ladder_of_real_and_other_messages_every_score_is_in_order(stage: Stage) -> None:
    for name, values in eval_ladder.ladder(stage).items():
        assert eval_ladder.order(name, values) >= 0.95, (name, values)


def test_real_against_real_is_nearly_all_of_the_scale_and_nothing_rejects_it(stage: Stage, others: object) -> None:
    results = eval_ladder.judge(stage, stage.half, others)
    assert results["voice"].value > 90
    assert results["indistinguishable"].value > 0.85
    for name in ("fingerprint", "lengths"):
        assert 1 - results[name].value / results[name].floor > 0.8
    assert rejections(results) == ()


def test_every_fake_is_rejected_by_name_and_so_is_somebody_else(stage: Stage, others: object) -> None:
    expected = {
        "gibberish": "indistinguishable",
        "verbatim copies": "copies",
        "five messages": "diversity",
        "an assistant": "assistant",
    }
    fakes = {
        kind: rejections(eval_ladder.judge(stage, fake, others)) for kind, fake in eval_ladder.fakes(stage).items()
    }
    assert {kind for kind, by in fakes.items() if expected[kind] in by} == set(expected), fakes
    assert "indistinguishable" in rejections(eval_ladder.judge(stage, stage.others["nearest"], others))


def test_shuffled_labels_say_nothing(stage: Stage) -> None:
    half = System("real", messages=stage.half.messages, reference=stage.half.reference)
    found = [METRICS["voice"].measure(baselines.shuffled(half, seed), stage.context) for seed in range(5)]
    assert all(one is not None and abs(one.value) < 8 for one in found)
    assert abs(mean(one.value for one in found if one is not None)) < 3


def test_a_canary_takes_the_place_of_training_messages_of_the_copy(home: Path) -> None:
    said = [Message("Aidan Allchin" if i % 2 else "Sam", f"line {i}") for i in range(200)]
    with filled(home, [Conversation(said)]) as db:
        prepare(db)
        with transaction(db):
            canaries = canary.plant(db, 0)
    assert [one.repeats for one in canaries] == list(canary.REPEATS)
    with open_database(home) as db:
        for one in canaries:
            found = db.execute(
                "SELECT split, sender FROM training_messages WHERE content = ?", (one.content(),)
            ).fetchall()
            assert found == [("train", one.name)] * one.repeats


def test_exposure_is_all_bits_for_the_first_of_all_and_none_for_the_last() -> None:
    assert canary.exposure([1.0, 2.0, 3.0, 4.0]) == 2
    assert canary.exposure([9.0, 2.0, 3.0, 4.0]) == 0
    assert canary.exposure([1.0] * 512) == math.log2(512)
