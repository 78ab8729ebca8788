"""The judge of words and turns."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from made_up import messages, target, written

from ventriloquist.evaluate.heldout import Before
from ventriloquist.evaluate.inputs import EvalContext, Message
from ventriloquist.evaluate.judge import train_judge
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.word_judge import Said, WordJudge, train_word_judge

WORDS = [
    *("the", "a", "and", "then", "we", "it", "is", "on", "my", "your", "dog", "house"),
    *("tomorrow", "tonight", "maybe", "about", "again", "coffee", "train", "letter"),
]


def say(name: str, rng: random.Random) -> str:
    """A writes long sentences with full stops, B short ones in lower case."""
    if name == "A":
        text = " ".join(rng.choices(WORDS, k=rng.randint(6, 12))).capitalize()
        return f"{text}, I think." if rng.random() < 0.6 else f"{text}."
    text = " ".join(rng.choices(WORDS, k=rng.randint(2, 5)))
    return f"{text} lol" if rng.random() < 0.4 else f"{text}!!"


def talk(count: int, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    return [(name, say(name, rng)) for name in ("A", "B") for _ in range(count)]


def judged(seed: int = 1) -> WordJudge:
    return train_word_judge({name: [Said(content) for who, content in talk(200, seed) if who == name] for name in "AB"})


def points(real: Sequence[Message], contents: Sequence[str], judge: WordJudge) -> float:
    known = EvalContext(training={}, judge=train_judge({}), word_judge=judge, real=real)
    found = METRICS["voice_habits"].measure(written(real, contents), known)
    assert found is not None
    return found.value


def test_real_messages_match_and_other_peoples_do_not_and_mixtures_lie_between_in_order() -> None:
    real = messages(talk(150, seed=2))
    judge = judged()
    other = {"A": "B", "B": "A"}
    rng = random.Random(3)
    ladder = [
        points(real, [say(one.name if rng.random() < share else other[one.name], rng) for one in real], judge)
        for share in (1, 0.75, 0.5, 0.25, 0)
    ]
    assert ladder == sorted(ladder, reverse=True)
    assert 85 < ladder[0] < 115
    assert abs(ladder[-1]) < 15


def test_gibberish_of_the_persons_letters_does_not_match() -> None:
    real = messages(talk(150, seed=2))
    rng = random.Random(4)
    training = {name: [content for who, content in talk(200, seed=5) if who == name] for name in "AB"}

    def letters(name: str) -> str:
        """Exchange the letters of a message within its words' places, so that lengths, case and marks stay."""
        text = list(rng.choice(training[name]))
        places = [place for place, one in enumerate(text) if one.islower()]
        drawn = [text[place] for place in places]
        rng.shuffle(drawn)
        for place, one in zip(places, drawn, strict=True):
            text[place] = one
        return "".join(text)

    assert points(real, [letters(one.name) for one in real], judged()) < 30


def test_a_turn_alone_tells_nothing_but_a_habit_may_depend_on_it() -> None:
    rng = random.Random(0)

    # both write the same words; A writes long messages first and short ones when going on, B the other way round
    def of(name: str, continues: bool) -> Said:
        long = (name == "A") != continues
        return Said(" ".join(rng.choices(WORDS, k=9 if long else 2)), continues)

    judge = train_word_judge({name: [of(name, turn % 2 == 1) for turn in range(200)] for name in "AB"})
    for name in "AB":
        own = [of(name, turn % 2 == 1) for turn in range(100)]
        others = [of("B" if name == "A" else "A", turn % 2 == 1) for turn in range(100)]
        assert (judge.score(own, [name] * 100) > 0).mean() > 0.9
        assert (judge.score(others, [name] * 100) < 0).mean() > 0.9
    mostly = train_word_judge({"A": [Said(say("B", rng), True) for _ in range(200)],
                               "B": [Said(say("B", rng), False) for _ in range(200)]})  # fmt: skip
    said = [Said(say("B", rng), turn % 2 == 1) for turn in range(200)]
    scores = mostly.score(said, ["A"] * 200)
    assert abs(scores[1::2].mean() - scores[::2].mean()) < 0.5  # the place, which is given, earns nothing


def test_the_turn_of_a_message_is_that_of_its_target() -> None:
    judge = judged()
    seen: list[Said] = []

    class Noting(WordJudge):
        def score(self, messages: Sequence[Said], names: Sequence[str]) -> np.ndarray:
            seen.extend(messages)
            return judge.score(messages, names)

    one = Message(target("A", "real", delta="1d+", before=Before("A", 1, "x")), "written")
    real = [one, Message(target("B", "other", before=Before("A", 1, "x")), "other")]
    known = EvalContext(training={}, judge=train_judge({}), word_judge=Noting(), real=real)
    METRICS["voice_habits"].measure(written(real, ["written", "lol"]), known)
    assert seen[:2] == [Said("written", True, "1d+"), Said("lol", False, "<1m")]


def test_people_with_few_messages_and_contents_without_words_have_no_traceback() -> None:
    few = train_word_judge({"A": [Said("hi")] * 9, "B": [Said("yo")] * 9})
    assert np.isnan(few.score([Said("hi")], ["A"])).all()
    assert train_word_judge({}).messages == 0
    strange = train_word_judge({"A": [Said("🔥")] * 20, "B": [Said("???")] * 20, "C": [Said("")] * 20})
    assert np.isfinite(strange.score([Said(""), Said("🔥" * 3000), Said("\n")], ["A", "B", "C"])).all()
