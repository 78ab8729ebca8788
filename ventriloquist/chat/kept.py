"""Kept chats: a file in VQ_HOME/chats/kept for each of the last chats, with what is needed to go on with it.

Each session writes a file of its own, so that two chats at once never overwrite each other. A chat that goes on with a
kept one takes its place.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ventriloquist.chat.session import ChatSession, Turn
from ventriloquist.clock import now_ms
from ventriloquist.errors import SHOWN, NotReadyError, StorageError, VentriloquistError
from ventriloquist.fs import make_private_folder, read_object, write_json
from ventriloquist.layout import CHATS, KEPT
from ventriloquist.names import fold
from ventriloquist.store.corpus import SentLine
from ventriloquist.transcript import DELTAS, ConversationType, Line

FORMAT = 1
MOST = 20  # chats that are kept; the oldest go
MAX_BYTES = 64 << 20  # of a file: a thousand times a long chat
STALE_SECONDS = 3600  # after which a partial file is the rest of a killed process: writing one takes milliseconds
TIMES_MS = range(-60_000_000_000_000, 240_000_000_000_000)  # from the year 68 to 9575: Python can compute with them

_FILES = "[0-9]*.json"  # not the partial ones, which begin with a dot
_Time = Annotated[int, Field(ge=-(2**63), lt=2**63)]  # of an old message, which may be wrong by millennia


class _SaidLine(NamedTuple):
    name: Annotated[str, Field(min_length=1)]
    delta: str
    content: str
    sent_at: _Time
    day: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]


class _KeptTurn(NamedTuple):
    start: int
    clock: int
    answer: int | None


class KeptChat(BaseModel):
    """A chat as it is kept. Positions count the lines in `said`."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    format: Literal[1] = 1
    kept_at: _Time  # Unix milliseconds
    model: str  # that wrote it, for people
    run: str | None  # its folder as stored paths are; None: only a server had the model
    type: ConversationType
    members: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)  # the owner first
    title: str | None = None  # of a group
    me: str
    speaker: str | None  # None: whoever the model expects
    source: str | None = None  # the conversation that the user named with --from
    date: str | None = None
    said: list[_SaidLine]  # those of the opening, then those of the chat
    opened_with: int
    turns: list[_KeptTurn]
    ahead: int  # of the conversation's clock, milliseconds

    @model_validator(mode="after")
    def _is_a_chat(self) -> KeptChat:
        """Check what a session relies on."""
        places = [self.opened_with]
        for turn in self.turns:
            places += [turn.start, turn.start if turn.answer is None else turn.answer]
        open_turns = [turn.answer is None for turn in self.turns]
        holds = (
            len(set(self.members)) == len(self.members)
            and self.me in self.members
            and (self.speaker is None or (self.speaker in self.members and self.speaker != self.me))
            and all(line.delta in DELTAS for line in self.said)
            and all(first <= second for first, second in pairwise((0, *places, len(self.said))))
            and not any(open_turns[:-1])
            and all(clock in TIMES_MS for clock in (self.ahead, *(turn.clock for turn in self.turns)))
            and all(line.sent_at in TIMES_MS for line in self.said[self.opened_with :])
        )
        if not holds:
            raise ValueError("the parts contradict each other")
        return self

    @property
    def lines(self) -> tuple[SentLine, ...]:
        return tuple(SentLine(Line(one.name, one.delta, one.content), one.sent_at, one.day) for one in self.said)

    @property
    def session_turns(self) -> list[Turn]:
        return [Turn(turn.start, turn.clock, turn.answer) for turn in self.turns]

    @property
    def partners(self) -> list[str]:
        """The person who answers, or everybody but the user if anyone may."""
        return [self.speaker] if self.speaker else [name for name in self.members if name != self.me]


@dataclass(frozen=True, slots=True)
class About:
    """What a session does not know of its chat; see the fields of KeptChat."""

    model: str
    run: str | None = None
    title: str | None = None
    source: str | None = None
    date: str | None = None


def snapshot(session: ChatSession, about: About) -> KeptChat:
    """Return a session as it is kept."""
    return KeptChat(
        kept_at=now_ms(),
        **asdict(about),
        type=session.type,
        members=list(session.members),
        me=session.me,
        speaker=session.speaker,
        said=[_SaidLine(*said.line, said.sent_at, said.day) for said in session.said],
        opened_with=session.opened_with,
        turns=[_KeptTurn(turn.start, turn.clock, turn.answer) for turn in session.turns],
        ahead=session.ahead,
    )


def keep(home: Path, chat: KeptChat, name: str | None = None) -> str:
    """Write a chat, readable by the user alone, and return the name of its file; default a new one.

    If the file is new, all but the last MOST chats are removed.

    Raises:
        OSError, StorageError: it cannot be written.
    """
    is_new = name is None
    name = name or f"{datetime.now().astimezone():%Y%m%d-%H%M%S-%f}-{token_hex(4)}.json"
    _make_folder(home)
    write_json(folder_of(home) / name, chat.model_dump())
    if is_new:
        _prune(home, name)
    return name


def last(home: Path, speaker: str | None = None, me: str | None = None) -> tuple[str, KeptChat]:
    """Return the last kept chat and the name of its file.

    Args:
        speaker: only a chat in which they answer, or may answer; in any case.
        me: only a chat in which the user writes as this person; in any case.

    Raises:
        NotReadyError: no such chat is kept.
        StorageError: the file of the last chat is damaged, or of a newer version.
    """
    found = sorted(_all(home), key=lambda each: each[:2], reverse=True)
    if not found:
        raise NotReadyError("No chat is kept yet.", hint="Start one: vq chat --as NAME")
    for _, name, chat in found:
        if isinstance(chat, VentriloquistError):
            raise chat
        is_theirs = speaker is None or fold(speaker) in map(fold, chat.partners)
        if is_theirs and (me is None or fold(me) == fold(chat.me)):
            return name, chat
    chats = [chat for _, _, chat in found if isinstance(chat, KeptChat)]
    known = dict.fromkeys(repr(name) for chat in chats for name in chat.partners)
    what = "No kept chat is " + " and ".join(
        [*([f"with {speaker!r}"] if speaker else ()), *([f"written as {me!r}"] if me else ())]
    )
    raise NotReadyError(f"{what}.", hint=f"Leave out --continue, or go on with {' or '.join([*known][:SHOWN])}.")


def folder_of(home: Path) -> Path:
    return home / CHATS / KEPT


class Keeper:
    """Keeps one session on disk: call it after every change."""

    def __init__(
        self, home: Path, about: About, *, replaces: str | None = None, warn: Callable[[str], None] = lambda _: None
    ) -> None:
        """Prepare to keep a session; no chat is written before it has a turn.

        Args:
            replaces: the file of the kept chat that this one goes on with.
            warn: called with a sentence if the chat cannot be kept; the chat itself goes on.
        """
        self._home, self._about, self._replaces, self._warn = home, about, replaces, warn
        self._written: KeptChat | None = None
        self._over = False
        self.name: str | None = None  # of the file, once it is written
        self._attempt(lambda: _make_folder(home))

    def __call__(self, session: ChatSession) -> None:
        """Write the session if it has changed. Once its file is gone, it was removed on purpose, and stays so."""
        if self._over or (self.name is None and not session.turns):
            return
        try:
            chat = snapshot(session, self._about)
        except ValidationError:
            self._stop("its times are too far from today's.")
            return
        if self._written and chat == self._written.model_copy(update={"kept_at": chat.kept_at}):
            return
        if not (folder_of(self._home) / (self.name or "")).exists():
            self._stop(f"its file was removed, by vq forget or because {MOST} other chats were kept since.")
            return
        self._attempt(lambda: self._write(chat))

    def _write(self, chat: KeptChat) -> None:
        self.name = keep(self._home, chat, self.name)
        self._written = chat
        if self._replaces is not None:
            (folder_of(self._home) / self._replaces).unlink(missing_ok=True)
            self._replaces = None

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except StorageError as error:
            self._stop(f"{error.what} {error.hint}")
        except OSError as error:
            self._stop(f"{folder_of(self._home)} cannot be written: {error.strerror or error}.")

    def _stop(self, why: str) -> None:
        self._over = True
        self._warn(f"This chat is not kept: {why}")


def _make_folder(home: Path) -> None:
    for folder in (home, home / CHATS, folder_of(home)):
        make_private_folder(folder)


def _read(path: Path) -> KeptChat:
    """Read a kept chat.

    Raises:
        StorageError: it is damaged, or another version's.
    """
    found = read_object(path) if path.stat().st_size <= MAX_BYTES else None
    number = (found or {}).get("format")
    if isinstance(number, int) and number > FORMAT:
        raise StorageError(
            f"{path} was kept by a newer version of vq.", hint="Update vq, or move the file to another folder."
        )
    try:
        return KeptChat.model_validate_json(json.dumps(found))
    except ValidationError:
        raise StorageError(
            f"{path} is not a kept chat, or is damaged.",
            hint="Move the file to another folder; then --continue takes the chat before it.",
        ) from None


def _all(home: Path) -> list[tuple[int, str, KeptChat | StorageError]]:
    """Return the time, the file name and the chat of each file, or why it cannot be read. In no order."""
    found: list[tuple[int, str, KeptChat | StorageError]] = []
    for path in folder_of(home).glob(_FILES):
        with suppress(FileNotFoundError):  # another chat has taken its place meanwhile
            at = path.stat().st_mtime_ns // 1_000_000
            try:
                chat = _read(path)
            except StorageError as error:
                found.append((at, path.name, error))
            else:
                found.append((chat.kept_at, path.name, chat))
    return found


def _prune(home: Path, newest: str) -> None:
    """Remove the oldest chats and what killed processes left behind; never a file that is not ours or is damaged."""
    chats = sorted((each for each in _all(home) if isinstance(each[2], KeptChat)), key=lambda each: each[:2])
    older = [name for _, name, _ in chats if name != newest]
    for name in older[: max(0, len(older) - MOST + 1)]:
        (folder_of(home) / name).unlink(missing_ok=True)
    for partial in folder_of(home).glob(".*.partial"):
        with suppress(FileNotFoundError):
            if time.time() - partial.stat().st_mtime > STALE_SECONDS:
                partial.unlink()
