"""The judge of words."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
from made_up import messages, written

from ventriloquist.evaluate.inputs import EvalContext, Message
from ventriloquist.evaluate.judge import train_judge
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.word_judge import WordJudge, train_word_judge

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
    return train_word_judge({name: [content for who, content in talk(200, seed) if who == name] for name in "AB"})


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


def test_people_with_few_messages_and_contents_without_words_have_no_traceback() -> None:
    few = train_word_judge({"A": ["hi"] * 9, "B": ["yo"] * 9})
    assert np.isnan(few.score(["hi"], ["A"])).all()
    assert train_word_judge({}).messages == 0
    strange = train_word_judge({"A": ["🔥"] * 20, "B": ["???"] * 20, "C": [""] * 20})
    assert np.isfinite(strange.score(["", "🔥" * 3000, "\n"], ["A", "B", "C"])).all()
