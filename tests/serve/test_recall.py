"""A chat that is sent again with each message is read from the cache, and cut where it was cut before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from invented import NAMES
from running import KIM, ME, Running, chat_body

from ventriloquist.chat.opening import Opening
from ventriloquist.chat.session import ChatSession
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.partial_line import Piece
from ventriloquist.store.corpus import SentLine
from ventriloquist.transcript import Line


class Script:
    """Writes numbered lines, and remembers the contexts that it was given."""

    def __init__(self, lines: int = 2) -> None:
        self.contexts: list[list[str]] = []
        self._lines, self._written = lines, 0

    def count_tokens(self, text: str) -> int:
        return len(text)

    def next_name(self, context: Sequence[str], names: Sequence[str]) -> str:
        self.contexts.append(list(context))
        return KIM if self._written % self._lines else ME

    def write(self, context: Sequence[str], names: Sequence[str]) -> Iterator[Piece]:
        self.contexts.append(list(context))
        self._written += 1
        line = Line(names[0], "<5m", f"line {self._written}")
        yield Piece(*line[:2], line.content, line)

    def candidates(self, context: Sequence[str], names: Sequence[str], count: int) -> list[Line]:
        self.contexts.append(list(context))
        return [Line(names[0], "<1m", str(index)) for index in range(count)]


def begin(writer: Script, said: int, window: int) -> ChatSession:
    opening = tuple(SentLine(Line(KIM, "<1m", f"old {index}"), index, "2024-03-15") for index in range(said))
    return ChatSession(writer, Opening("dm", (ME, KIM), opening), speaker=KIM, window=window, max_tokens=10**6)


@pytest.mark.parametrize("window", [8, 24, 31])
def test_a_stateless_chat_reads_what_a_running_one_reads_in_every_turn(window: int) -> None:
    running, stateless = Script(), Script()
    session = begin(running, 5, window)
    for turn in range(40):
        session.say(f"message {turn}")
        list(session.answer())
        again = begin(stateless, 5, window)
        new = [said.line for said in session.new_lines()]
        *sent, _, _ = new  # all but the answer of two lines
        again.recall(list(sent))
        stateless.contexts.clear()
        stateless._written = 2 * turn
        list(again.answer())
        assert stateless.contexts == running.contexts
        running.contexts.clear()


def test_alternatives_are_to_the_line_that_comes_next() -> None:
    writer = Script()
    session = begin(writer, 2, 24)
    session.recall([(ME, None, "hello"), (KIM, None, "hi")])
    assert [line.content for line in session.next_lines(3)] == ["0", "1", "2"]
    assert "hi" in writer.contexts[-1][-1]


def test_the_next_message_computes_only_what_is_new(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with another conversation in between, since more than one is kept."""
    from ventriloquist.model.torch_engine import TorchRows

    fed: list[int] = []
    original = TorchRows.feed

    def feed(rows: TorchRows, ids: Any) -> Any:
        fed.append(len(ids[0]))
        return original(rows, ids)

    monkeypatch.setattr(TorchRows, "feed", feed)
    texts = ["hello"]
    largest = []
    for turn in range(12):
        fed.clear()
        texts.append(served.chat(KIM, *texts, max_tokens=4, seed=turn)["choices"][0]["message"]["content"])
        largest.append(max(fed))
        texts.append(f"and then {turn}?")
        served.chat("Garden", f"something else {turn}", max_tokens=4)
    # tokens: the last answer and the message, where the context is not cut, which it is every few turns
    assert sorted(largest[1:])[len(largest) // 2] < 100
    assert max(largest) > 300


def test_the_caches_are_shared_and_hold_no_more_than_a_few_conversations(tiny_writer: LineWriter) -> None:
    context = ['{"type": "dm", "members": ["Robin Oak", "Kim"], "start": "2024-03-15"}\n']
    for index in range(6):
        said = f'{{"name": "Kim", "delta": "<1m", "content": "{chr(97 + index) * 40} {index}"}}\n'
        list(tiny_writer.write([*context, said * 3], NAMES[1:2]))
    assert len(tiny_writer._prefixes._rows) == 3


@pytest.fixture
def tiny_writer(served: Running) -> LineWriter:
    from ventriloquist import chat

    return chat.load_line_writer(served.plan.voice, prefixes=3)


def test_a_body_with_the_whole_history_has_the_answer_of_its_last_message(served: Running) -> None:
    body = chat_body(KIM, *[f"message {index}" for index in range(101)], max_tokens=4)
    first, again = (served.post("/v1/chat/completions", body).json()["choices"] for _ in range(2))
    assert first == again
