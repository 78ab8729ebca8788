"""The chat stage: `plan` looks up people and the opening, `start` begins the conversation with a loaded model.

`go_on` plans to go on with a kept chat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ventriloquist.chat.kept import About, KeptChat
from ventriloquist.chat.opening import Opening, find_opening
from ventriloquist.chat.session import KEPT_SHARE, ChatSession, Writer
from ventriloquist.chat.voice import Voice, database, find_person
from ventriloquist.errors import NotReadyError, SettingsError
from ventriloquist.model.sampling import context_tokens
from ventriloquist.paths import kept_path
from ventriloquist.store.corpus import TitledConversation
from ventriloquist.store.time_zones import COLLECTED, PREPARED, find_zone

START_MESSAGES = 50  # to begin with: a model is worst with a short context, and slow with a long one


@dataclass(frozen=True, slots=True)
class Request:
    """What the user asks for. Names may be in any case."""

    speaker: str | None = None  # who answers
    others: tuple[str, ...] = ()  # further members
    me: str | None = None  # the person that the user writes as; None: the owner
    source: str | None = None  # the conversation to continue: title, person or number, and `@` with a date
    date: str | None = None
    fresh: bool = False  # start without earlier messages


@dataclass(frozen=True, slots=True)
class ChatPlan:
    """A chat that can start as soon as the model is loaded."""

    voice: Voice
    opening: Opening
    me: str
    speaker: str | None  # None: whoever the model expects
    kept: KeptChat | None = None  # the chat to go on with

    def about(self, request: Request, home: Path) -> About:
        """Return what is kept of the chat beside the session's own state."""
        run = kept_path(self.voice.run, home) if self.voice.run else None
        return About(self.voice.name, run, self.opening.title, request.source, request.date)


def plan(
    home: Path,
    request: Request,
    voice: Voice,
    *,
    timezone: str | None = None,
    stored: Sequence[TitledConversation] | None = None,
) -> ChatPlan:
    """Look up the people and the opening. No model is loaded.

    Args:
        timezone: IANA name of the zone in which days begin; default that of the messages.
        stored: see `find_opening`.

    Raises:
        UnknownNameError: no person or conversation has that name.
        SettingsError: a date is not valid, a person wrote nothing, or the speaker is the user.
        NotReadyError: the request names no other person.
    """
    owner = voice.people[0]
    me = find_person(request.me, voice) if request.me else owner
    speaker = find_person(request.speaker, voice) if request.speaker else None
    if speaker == me:
        raise SettingsError(f"You write as {me} yourself.", hint=f"Set another --me: vq chat --as {me!r} --me NAME")
    others = [find_person(name, voice) for name in request.others]
    members = {me, *others, *([speaker] if speaker else ())} - {owner}
    if not members and request.source is None:
        raise NotReadyError("A conversation needs somebody else.", hint="Name them: vq chat --as NAME")
    with database(home) as db:
        opening = find_opening(
            db,
            owner,
            sorted(members),
            source=request.source,
            date=request.date,
            fresh=request.fresh,
            limit=min(START_MESSAGES, int(KEPT_SHARE * voice.window) - 1),
            zone=find_zone(db or None, timezone, PREPARED, COLLECTED).zone,
            stored=stored,
        )
    if speaker is None and opening.type == "dm":
        speaker = next((name for name in opening.members if name != me), None)
    return ChatPlan(voice, opening, me, speaker)


def go_on(home: Path, kept: KeptChat, voice: Voice, *, timezone: str | None = None) -> tuple[Request, ChatPlan]:
    """Plan to go on with a kept chat. It has all of its lines, so that the prepared messages may have changed.

    Args:
        timezone: see `plan`.

    Returns:
        The request for another conversation with the same people, and the plan.
    """
    with database(home) as db:
        zone = find_zone(db or None, timezone, PREPARED, COLLECTED).zone
    named = {voice.people[0], kept.me, kept.speaker}
    others = tuple(name for name in kept.members if name not in named and name in voice.people)
    request = Request(kept.speaker, () if kept.source else others, kept.me, kept.source, kept.date)
    opening = Opening(kept.type, tuple(kept.members), kept.lines, kept.title, zone=zone)
    return request, ChatPlan(voice, opening, kept.me, kept.speaker, kept)


def start(plan: ChatPlan, writer: Writer, keep: Callable[[ChatSession], None] | None = None) -> ChatSession:
    """Begin the planned conversation; raise an UnknownNameError if its people are not in it.

    Args:
        keep: called after every change, see `Keeper`.
    """
    session = ChatSession(
        writer,
        plan.opening,
        me=plan.me,
        speaker=plan.speaker,
        window=plan.voice.window,
        max_tokens=context_tokens(plan.voice.max_length),
        keep=keep,
    )
    if plan.kept:
        session.go_on(plan.kept.opened_with, plan.kept.session_turns, plan.kept.ahead)
    return session
