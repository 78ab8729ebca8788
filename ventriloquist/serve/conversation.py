"""From a request's messages to an answer, as events."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from typing import Literal, NamedTuple

from ventriloquist import chat
from ventriloquist.errors import UnknownNameError
from ventriloquist.names import find_name
from ventriloquist.serve.directory import Directory, Entry
from ventriloquist.serve.errors import RequestError
from ventriloquist.serve.requests import ChatBody, Message, Wishes
from ventriloquist.serve.stops import Stops
from ventriloquist.serve.writer import RequestWriter
from ventriloquist.transcript import text_lines

MOST_LINES = 5_000  # of all messages together
LONGEST = 32_768  # characters of a line
SPOKEN = ("user", "assistant")  # roles whose messages are read

Finish = Literal["stop", "length"]


class LineBegins(NamedTuple):
    """Somebody begins a line."""

    name: str
    delta: str
    shown: str = ""  # how its content begins, for a client that sees names in no other way


class Text(NamedTuple):
    """New text of the line that was begun last."""

    text: str
    name: str
    delta: str


class End(NamedTuple):
    """The end of an answer."""

    finish: Finish
    read: int  # tokens
    written: int


class Alternative(NamedTuple):
    """One of several answers of one line."""

    name: str
    delta: str
    content: str


Event = LineBegins | Text | End | Alternative
Finished = Callable[[chat.Request, chat.ChatPlan, chat.ChatSession], None]


def answer(
    body: ChatBody,
    entry: Entry,
    directory: Directory,
    writer: RequestWriter,
    finished: Finished = lambda _request, _plan, _session: None,
) -> Iterator[Event]:
    """Yield the answer to a request's messages; with `n`, alternatives to its first line.

    In a group, each line of a client that sends no fields of ours begins with the name of its writer.

    Args:
        finished: called with the conversation after the answer, also one that was broken off.

    Raises:
        VentriloquistError: a message is too long, a name or a date is wrong.
    """
    wishes = body.ventriloquist or Wishes()
    plan = directory.plan(entry, date=wishes.date, fresh=wishes.new)
    session = chat.start(plan, writer)
    if wishes.speaker is not None:
        speaker = find_name(wishes.speaker, session.members, noun="member")
        if not directory.may_write(speaker):
            raise RequestError(400, f"{speaker} is not served.", hint="GET /v1/models lists the people.")
        session.let_answer(speaker)
    with_names = body.ventriloquist is None and session.speaker is None
    session.recall(lines_of(body.messages, session))
    if (body.n or 1) > 1 and not body.stream:
        yield from _alternatives(session, body, writer, with_names=with_names)
        return
    try:
        yield from _lines(session, body, writer, with_names=with_names)
    finally:
        finished(replace(entry.request, date=wishes.date), plan, session)


def lines_of(messages: list[Message], session: chat.ChatSession) -> Iterator[tuple[str, str | None, str]]:
    """Yield name, delta and content of each line of the messages.

    Raises:
        RequestError: there are too many lines, or one is too long.
    """
    count = 0
    for message in messages:
        if message.role not in SPOKEN:
            continue
        name = _writer_of(message, session)
        for number, line in enumerate(text_lines(message.text)):
            content = line
            count += 1
            if count > MOST_LINES:
                raise RequestError(
                    400, f"The messages have more than {MOST_LINES:,} lines.", hint="Send the last ones."
                )
            if len(content) > LONGEST:
                raise RequestError(400, f"A line has more than {LONGEST:,} characters.", hint="Send a shorter message.")
            if message.role == "assistant" and message.name is None and session.speaker is None:
                name, content = _named(content, name, session)
            yield name, message.delta if number == 0 else None, content


def _lines(session: chat.ChatSession, body: ChatBody, writer: RequestWriter, *, with_names: bool) -> Iterator[Event]:
    shown = _Shown(body.stops)
    finish: Finish = "stop"
    begun = False  # whether a line is
    with closing(session.answer()) as pieces:
        for piece in pieces:
            if not begun:
                yield from shown.begin(LineBegins(piece.name, piece.delta, f"{piece.name}: " if with_names else ""))
            yield from shown.add(piece.text)
            begun = piece.line is None
            if not begun and (writer.is_cut or writer.left == 0):
                finish = "length"
            if shown.is_stopped or (not begun and writer.left == 0):
                break
    yield from shown.end()
    yield End("stop" if shown.is_stopped else finish, writer.read, writer.written)


class _Shown:
    """The events of lines whose text may end at a stop string, also at one that spans lines."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = Stops(stops)
        self._lines: deque[LineBegins] = deque()  # begun, and not shown yet
        self._line: LineBegins | None = None  # the one that is shown

    @property
    def is_stopped(self) -> bool:
        return self._stops.is_stopped

    def begin(self, line: LineBegins) -> Iterator[Event]:
        if self._line is None:
            self._line = line
            yield line
        else:
            self._lines.append(line)
            yield from self.add("\n")

    def add(self, text: str) -> Iterator[Event]:
        yield from self._events(self._stops.add(text))

    def end(self) -> Iterator[Event]:
        yield from self._events(self._stops.rest())

    def _events(self, text: str) -> Iterator[Event]:
        for number, part in enumerate(text.split("\n")):
            if number:  # a content has no newline, so this one begins a line
                self._line = self._lines.popleft()
                yield self._line
            if part and self._line:
                yield Text(part, self._line.name, self._line.delta)


def _alternatives(
    session: chat.ChatSession, body: ChatBody, writer: RequestWriter, *, with_names: bool
) -> Iterator[Event]:
    for line in session.next_lines(body.n or 1):
        content = f"{line.name}: {line.content}" if with_names else line.content
        stops = Stops(body.stops)
        yield Alternative(line.name, line.delta, stops.add(content) + stops.rest())
    yield End("stop", writer.read, writer.written)


def _writer_of(message: Message, session: chat.ChatSession) -> str:
    """Return who wrote a message: the member with its name, else whoever has its role."""
    if message.name is not None:
        with suppress(UnknownNameError):
            return find_name(message.name, session.members)
    if message.role == "user":
        return session.me
    others = [member for member in session.members if member != session.me]
    return session.speaker or (others[0] if others else session.me)


def _named(content: str, name: str, session: chat.ChatSession) -> tuple[str, str]:
    """Return the writer and the content of a line that begins with a member's name, as answers of groups do."""
    for member in sorted(session.members, key=len, reverse=True):
        rest = content.removeprefix(f"{member}: ")
        if rest != content and rest.strip():
            return member, rest
    return name, content
