from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from statistics import median

import pytest

from ventriloquist.demo.build import play
from ventriloquist.demo.cast import CONVERSATIONS, Conversation
from ventriloquist.demo.history import BEGIN, DAYS, Said, schedule
from ventriloquist.demo.script import LONG, Line, Scene

SCENES = [Scene(str(number), (Line("R", ("hello",), None),)) for number in range(25)]


@pytest.fixture(scope="module", params=CONVERSATIONS, ids=[conversation.script for conversation in CONVERSATIONS])
def history(request: pytest.FixtureRequest) -> list[Said]:
    conversation: Conversation = request.param
    return play(conversation)


def test_a_scene_is_played_twice_far_apart_or_once_at_the_end() -> None:
    order = [scene.title for scene in schedule(SCENES, 2, random.Random(0))]
    plays = {title: [place for place, other in enumerate(order) if other == title] for title in set(order)}
    assert Counter(map(len, plays.values())) == {2: 20, 1: 5}
    assert min(places[1] - places[0] for places in plays.values() if len(places) == 2) >= 10
    assert sorted(places[0] for places in plays.values() if len(places) == 1) == [40, 41, 42, 43, 44]


def test_messages_are_in_order_of_time_within_the_three_years(history: list[Said]) -> None:
    times = [said.at for said in history]
    assert times == sorted(times)
    begin = BEGIN.timestamp() * 1000
    assert begin <= times[0]
    assert times[-1] < begin + (DAYS + 2) * 86_400_000


def test_longer_messages_are_rarely_written_twice(history: list[Said]) -> None:
    longer = Counter(said.text for said in history if len(said.text) >= LONG and not said.is_link)
    assert longer.total() - len(longer) < 0.05 * longer.total()


def test_what_is_held_out_is_new_talk(history: list[Said]) -> None:
    end = len(history) - len(history) // 10
    before = {said.text for said in history[:end]}
    longer = [said.text for said in history[end:] if len(said.text) >= LONG and not said.is_link]
    assert sum(text in before for text in longer) <= 0.01 * len(longer)


def test_replies_are_to_earlier_messages_of_the_same_sitting(history: list[Said]) -> None:
    replies = [said for said in history if said.reply_to is not None]
    assert replies or history[0].conversation.script == "family"  # nobody there knows how
    for said in replies:
        assert said.reply_to in history
        assert said.reply_to is not None
        assert said.reply_to.at < said.at
        assert said.address == said.reply_to.address


def test_nobody_reacts_to_their_own_message_or_over_sms(history: list[Said]) -> None:
    for said in history:
        assert all(tapback.by != said.speaker for tapback in said.tapbacks)
        assert not said.tapbacks or said.address is None or said.address.service == "iMessage"


def test_maya_writes_in_bursts_and_walter_takes_his_time() -> None:
    maya, walter = play(CONVERSATIONS[0]), play(CONVERSATIONS[1])
    bursts = [b.at - a.at for a, b in pairwise(maya) if a.speaker == b.speaker == "M"]
    answers = [b.at - a.at for a, b in pairwise(walter) if (a.speaker, b.speaker) == ("R", "W")]
    assert len(bursts) > 200
    assert median(bursts) < 15_000
    assert median(answers) > 600_000
