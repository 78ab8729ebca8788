"""A running conversation: its messages, the context that the model sees, and whose turn it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ventriloquist.chat.clock import Clock
from ventriloquist.chat.opening import Opening
from ventriloquist.clock import local_day, now_ms
from ventriloquist.errors import UnknownNameError, VentriloquistError
from ventriloquist.model.partial_line import Piece
from ventriloquist.store.corpus import SentLine
from ventriloquist.transcript import (
    DELTAS,
    ConversationType,
    Header,
    Line,
    delta_bucket,
    order_members,
    render_header,
    render_line,
    text_lines,
    well_formed,
)

MAX_LINES = 6  # of an answer
LONGEST_LINE = 4096  # tokens; the last message may exceed the context's own limit up to this
KEPT_SHARE = 0.75  # of the window, after it overflows: the prompt is then computed once, not with every message


class Writer(Protocol):
    """A source of lines. A context is the header and lines, rendered, each ended by its newline."""

    def count_tokens(self, text: str) -> int: ...

    def next_name(self, context: Sequence[str], names: Sequence[str]) -> str: ...

    def write(self, context: Sequence[str], names: Sequence[str]) -> Iterator[Piece]: ...

    def candidates(self, context: Sequence[str], names: Sequence[str], count: int) -> list[Line]: ...


@dataclass(slots=True)
class Turn:
    """What the user said and the answer to it, as positions in the conversation."""

    start: int
    clock: int  # how far ahead the clock was in milliseconds, before the answer's own pauses
    answer: int | None = None  # None: not answered yet


class ChatSession:
    """A conversation between the user and the people that the model imitates."""

    def __init__(
        self,
        writer: Writer,
        opening: Opening,
        *,
        me: str | None = None,
        speaker: str | None = None,
        window: int,
        max_tokens: int,
        time: Callable[[], int] = now_ms,
        keep: Callable[[ChatSession], None] | None = None,
    ) -> None:
        """Begin with an opening.

        Args:
            me: the person that the user writes as; default the owner.
            speaker: who answers; None: whoever the model expects.
            window: messages of a context, the line to be written included.
            max_tokens: tokens of a context, without the line to be written.
            keep: called after every change, so that the chat can be kept on disk.

        Raises:
            UnknownNameError: `me` or `speaker` is not in the conversation.
        """
        self.type: ConversationType = opening.type
        self.members = opening.members
        self.me = me or opening.members[0]
        if self.me not in self.members:
            raise UnknownNameError(self.me, self.members, noun="member")
        self.said = list(opening.said)
        self.opened_with = len(opening.said)
        self._writer = writer
        self._clock = Clock(opening.begins_at, source=time)
        self.zone = opening.zone
        self._window, self._max_tokens = window, max_tokens
        self._first = 0  # position of the context's first line
        self.turns: list[Turn] = []
        self._candidates: list[Line] = []
        self._keep: Callable[[ChatSession], None] | None = None
        self.speaker: str | None = None
        self.let_answer(speaker)
        self._keep = keep

    @property
    def ahead(self) -> int:
        """How far the conversation's clock is ahead of the real one, in milliseconds; an earlier self's is negative."""
        return self._clock.ahead

    def go_on(self, opened_with: int, turns: Sequence[Turn], ahead: int) -> None:
        """Take up the state of an earlier session, whose lines were the opening of this one."""
        self.opened_with, self.turns, self._clock.ahead = opened_with, [*turns], ahead

    def let_answer(self, speaker: str | None) -> None:
        """Choose who answers from now on; None: whoever the model expects.

        Raises:
            UnknownNameError: they are not in the conversation, or are the user.
        """
        others = [member for member in self.members if member != self.me]
        if speaker is not None and speaker not in others:
            raise UnknownNameError(speaker, others, noun="member")
        self.speaker = speaker
        self._changed()

    def add_members(self, names: Sequence[str]) -> None:
        self.members = order_members(self.members[0], [*self.members[1:], *names])
        self.type = "group" if len(self.members) > 2 else self.type
        self._changed()

    def say(self, text: str) -> bool:
        """Add the user's message, one line of the transcript for each of its lines; return whether it had any.

        All messages before an answer belong to one turn.

        Raises:
            VentriloquistError: a line is too long.
        """
        lines = text_lines(well_formed(text))
        self._check_length(lines)
        if lines:
            self._open_turn()
            self._candidates = []
        for content in lines:
            self._append(Line(self.me, self._passed(), content))
        if lines:
            self._changed()
        return bool(lines)

    def recall(self, lines: Iterable[tuple[str, str | None, str]]) -> None:
        """Take up a chat that was written before: name, delta and content of each line after the opening.

        The context is cut where it was cut then, so that the model has read the same text already. Without a delta, the
        first line's follows from the clock, and every other one is the shortest.

        Raises:
            VentriloquistError: a line is too long.
        """
        for name, delta, content in lines:
            self._check_length([content])
            is_answer = name != self.me
            if is_answer or (self.turns and self.turns[-1].answer is not None):
                self._cut(len(self.said))
            turn = self.turns[-1] if is_answer and self.turns else self._open_turn()
            if is_answer and turn.answer is None:
                turn.answer = len(self.said)
            passed = delta or (self._passed() if len(self.said) == self.opened_with else DELTAS[0])
            if self.said:
                self._clock.reach(passed, self.said[-1].sent_at)
            self._append(Line(name, passed, content))
        self._changed()

    def answer(self) -> Generator[Piece, None, None]:
        """Write the answer line by line, and yield new text as it is generated.

        If a speaker is chosen, the first line is theirs. The model decides who writes each other line. The answer ends
        when the model expects the user, or anyone but the chosen speaker. If the generator is closed early, finished
        lines stay; if there are none, the turn stays open.
        """
        turn = self._open_turn()
        turn.answer = len(self.said)
        self._candidates = []
        try:
            for number in range(MAX_LINES):
                name = self._next_speaker(first=number == 0)
                if name is None:
                    return
                for piece in self._writer.write(self.context(), (name,)):
                    if piece.line is not None:
                        self._append_written(piece.line)
                        self._changed()
                    yield piece
        except BaseException:  # closed, Ctrl-C, a server that fails
            if len(self.said) == turn.answer:
                turn.answer = None
            raise
        finally:
            self._changed()

    def undo(self) -> list[Line] | None:
        """Take back the last turn and return the user's lines in it; None: there was no turn."""
        if not self.turns:
            return None
        turn = self.turns.pop()
        self._candidates = []
        mine = [said.line for said in self.said[turn.start : turn.answer]]
        self._take_back(turn, turn.start)
        self._changed()
        return mine

    def retry(self) -> Generator[Piece, None, None]:
        """Answer the last turn again."""
        if self.turns and self.turns[-1].answer is not None:
            self._take_back(self.turns[-1], self.turns[-1].answer)
            self.turns[-1].answer = None
        return self.answer()

    def alternatives(self, count: int) -> list[Line]:
        """Write several alternatives to the first line of the last answer, for `pick`."""
        turn = self.turns[-1] if self.turns else None
        if turn is None:
            return []
        return self._alternatives(turn, count)

    def next_lines(self, count: int) -> list[Line]:
        """Write several alternatives to the line that comes next, for `pick`."""
        return self._alternatives(self._open_turn(), count)

    def _alternatives(self, turn: Turn, count: int) -> list[Line]:
        at = len(self.said) if turn.answer is None else turn.answer
        answered = self.said[at].line.name if at < len(self.said) else None
        name = answered or self.speaker
        names = (name,) if name else [member for member in self.members if member != self.me]
        self._candidates = self._writer.candidates(self.context(stop=at), names, count)
        return list(self._candidates)

    def pick(self, number: int) -> Line | None:
        """Replace the last answer with an alternative, counted from 1; return None if there is none."""
        if not self.turns or not 1 <= number <= len(self._candidates):
            return None
        turn, line = self.turns[-1], self._candidates[number - 1]
        self._take_back(turn, len(self.said) if turn.answer is None else turn.answer)
        turn.answer = len(self.said)
        self._append_written(line)
        self._changed()
        return line

    def context(self, *, stop: int | None = None) -> list[str]:
        """Return the model's context: the header and the last lines before position `stop`.

        It grows to the full window and is then cut to three quarters of it.
        """
        end = len(self.said) if stop is None else stop
        self._cut(end)
        shown = self.said[self._first : end]
        return [self._header(shown), *(_rendered(said.line) for said in shown)]

    def transcript(self) -> str:
        """Return the lines since the opening in the training format."""
        new = self.new_lines()
        return "".join([self._header(new), *(_rendered(said.line) for said in new)])

    def new_lines(self) -> list[SentLine]:
        """Return the lines since the opening."""
        return self.said[self.opened_with :]

    def _cut(self, end: int) -> None:
        """Move the beginning of the context, if the lines before position `end` do not fit."""
        if end <= self._first or not self._fits(self._first, end, share=1.0):
            earliest = max(0, end - self._window)
            self._first = next(first for first in range(earliest, end + 1) if self._fits(first, end, share=KEPT_SHARE))

    def _passed(self) -> str:
        """Return the delta of a line that is sent now."""
        return delta_bucket(self._clock.now() - self.said[-1].sent_at if self.said else 0)

    def _check_length(self, lines: Sequence[str]) -> None:
        longest = max((self._tokens(Line(self.me, DELTAS[0], line)) for line in lines), default=0)
        if longest > LONGEST_LINE:
            raise VentriloquistError(
                f"That is too long: {longest:,} tokens; a message may have {LONGEST_LINE:,}.",
                hint="Send a shorter one.",
            )

    def _next_speaker(self, *, first: bool) -> str | None:
        if first and self.speaker is not None:
            return self.speaker
        name = self._writer.next_name(self.context(), self.members)
        return None if name == self.me or self.speaker not in (None, name) else name

    def _changed(self) -> None:
        if self._keep is not None:
            self._keep(self)

    def _append(self, line: Line) -> None:
        now = self._clock.now()
        self.said.append(SentLine(line, now, local_day(now, self.zone)))

    def _append_written(self, line: Line) -> None:
        self._clock.pass_by(line.delta)
        self._append(line)

    def _open_turn(self) -> Turn:
        if not self.turns or self.turns[-1].answer is not None:
            self.turns.append(Turn(len(self.said), self._clock.ahead))
        return self.turns[-1]

    def _take_back(self, turn: Turn, length: int) -> None:
        del self.said[length:]
        self._clock.ahead = turn.clock

    def _fits(self, first: int, end: int, *, share: float) -> bool:
        shown = self.said[first:end]
        if len(shown) > share * self._window - 1 and len(shown) > 1:  # leave room for the next one
            return False
        tokens = sum(self._tokens(said.line) for said in shown)
        if len(shown) <= 1:  # the last message is kept if it fits at all
            return tokens <= LONGEST_LINE
        return tokens + self._writer.count_tokens(self._header(shown)) <= share * self._max_tokens

    def _tokens(self, line: Line) -> int:
        return self._writer.count_tokens(_rendered(line))

    def _header(self, shown: Sequence[SentLine]) -> str:
        start = shown[0].day if shown else local_day(self._clock.now(), self.zone)
        return render_header(Header(self.type, self.members, start)) + "\n"


def _rendered(line: Line) -> str:
    return render_line(line) + "\n"
