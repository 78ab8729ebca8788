"""`vq eval --blind`: the quiz, on a terminal or with answers from a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from ventriloquist.cli.console import note, show
from ventriloquist.evaluate.blind import HitRate, Question, find_subject, hit_rate, keep_answer, questions
from ventriloquist.settings import load_settings
from ventriloquist.store import open_database
from ventriloquist.store.corpus import data_hash

KEYS = ("1", "2")
LONGEST = 500  # characters of a message that are shown


def quiz(run: Path, name: str, seed: int, *, json: bool) -> None:
    """Ask until there are no more questions or `q` is pressed, then show the hit rate. Each answer is saved at once."""
    with open_database(load_settings().home) as db:
        prepared = data_hash(db)
    name = find_subject(run, name, prepared)
    left = questions(run, name, seed, prepared)
    if left:
        note(f"Which answer of {name} is real? Press 1 or 2. Press q to stop; the quiz continues here next time.")
    for number, question in enumerate(left, 1):
        ask(question, name, f"{number} of {len(left)}")
        key = next((key for key in keys() if key in (*KEYS, "q")), "q")
        if key == "q":
            break
        keep_answer(run, name, question, KEYS.index(key))
        note("Right." if KEYS.index(key) == question.real else "Wrong.")
    rate = hit_rate(run, name)
    show(rate, rows(rate), json=json, title=f"Blind quiz, {name}")


def ask(question: Question, name: str, place: str) -> None:
    note(f"\n— {place} —")
    for who, content in question.before:
        note(f"{who}: {_shown(content)}")
    for key, answer in zip(KEYS, question.answers, strict=True):
        note(f"  [{key}] {name}: {_shown(answer)}")


def _shown(content: str) -> str:
    """Cut a long message, and indent its lines so that none looks like another message."""
    return content[:LONGEST].replace("\n", "\n      ")


def rows(rate: HitRate) -> Iterator[tuple[str, str]]:
    """Yield the hit rate in lines."""
    if rate.share is None:
        yield "answered", "none yet"
        return
    found = f"{rate.hits} of {rate.answered}, {rate.share:.0%}"
    yield "real answer found", f"{found} (95 %: {rate.low:.0%} to {rate.high:.0%})"
    told = rate.low > 0.5
    yield "result", "better than guessing: you can tell" if told else "not clearly better than guessing"


def keys() -> Iterator[str]:
    """Yield the keys pressed: single keys on a terminal, a key and Enter from a pipe and on Windows."""
    if find_spec("termios") is None or not sys.stdin.isatty():
        yield from (line.strip()[:1].lower() for line in iter(sys.stdin.readline, ""))
        return
    from ventriloquist.cli.keyboard import cbreak

    with cbreak():
        while key := sys.stdin.read(1):
            yield key.lower()
