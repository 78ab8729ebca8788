"""The first lines of a chat: what it is, and where it starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ventriloquist.chat.kept import KeptChat
from ventriloquist.chat.opening import Opening
from ventriloquist.chat.stage import ChatPlan
from ventriloquist.chat.voice import Voice
from ventriloquist.clock import EPOCH, MILLISECOND, local_day

MOST_NAMES = 6  # of a group, in a sentence
LONGEST_NAME = 40  # characters


def banner(plan: ChatPlan) -> Iterator[str]:
    """Yield the first lines: the imitated person, the model, and warnings about it."""
    whom = _cut(plan.speaker) if plan.speaker else names(name for name in plan.opening.members if name != plan.me)
    author = whom if plan.speaker else "them"
    yield f"A simulation of {_end(whom)} Everything here is written by {plan.voice.name}, not by {_end(author)}"
    if plan.speaker in plan.voice.silent:
        yield f"Warning: {whom} wrote none of the prepared messages: the model has not learnt their voice."
    if plan.kept and plan.speaker and plan.speaker not in plan.voice.people:
        yield f"Warning: {plan.voice.name} was not trained on {_end(whom)}"
    if plan.kept and plan.kept.model != plan.voice.name:
        yield f"The lines so far were written by {_end(plan.kept.model)}"
    yield from warnings(plan.voice)


def warnings(voice: Voice) -> Iterator[str]:
    """Yield what is to be known about a model before its words are read."""
    if voice.tainted:
        yield f"Warning: {voice.tainted}"
    if voice.changed_data:
        yield "The messages were prepared again after the adapter was trained."


def where(plan: ChatPlan) -> str:
    """Say with whom and after which messages the conversation starts."""
    opening = plan.opening
    if plan.kept:
        return _goes_on(plan.kept, opening)
    with_whom = _cut(opening.title) if opening.title else names(name for name in opening.members if name != plan.me)
    if opening.said:
        last = len(opening.said)
        return f"Continuing after the last {last} messages with {with_whom}, up to {opening.said[-1].day}."
    if not opening.begins_at:
        return f"A new conversation with {_end(with_whom)}"
    day = local_day(opening.begins_at, opening.zone)
    why = ""
    if opening.first_day:
        why = f"before {opening.first_day}" if day < opening.first_day else "of that time"
        why = f"There are no messages {why}. "
    return f"{why}A new conversation with {with_whom}, on {day}."


def _goes_on(kept: KeptChat, opening: Opening) -> str:
    whom = names(kept.partners)
    new = opening.said[kept.opened_with :]
    if not new:
        return f"Going on with the chat with {whom}, in which nothing was said."
    last = (EPOCH + new[-1].sent_at * MILLISECOND).astimezone(opening.zone)
    return f"Going on with the chat with {whom}, after {_lines(len(new))}, the last on {last:%Y-%m-%d} at {last:%H:%M}."


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count:,} lines"


def names(people: Iterable[str], most: int = MOST_NAMES) -> str:
    """Join names for a sentence: at most so many, and the number of others."""
    people = list(people)
    more = len(people) - most
    if more <= 1:  # one more name is as short as "1 other"
        return ", ".join(map(_cut, people))
    return f"{', '.join(map(_cut, people[:most]))} and {more:,} others"


def _end(name: str) -> str:
    """End a sentence after a name, which may end with a full stop itself."""
    return name if name.endswith(".") else f"{name}."


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
