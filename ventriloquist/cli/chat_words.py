"""What a chat says of itself: what this is, where it starts, and what was said before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ventriloquist.safe_text import harmless

if TYPE_CHECKING:
    from ventriloquist.chat import Plan
    from ventriloquist.store.corpus import SentLine

MOST_NAMES = 6  # of a group, in a sentence
LONGEST_NAME = 40  # characters
AROUND = 9  # lines of a screen that a chat's first words and its prompt take
LEAST_ROOM = 6  # lines of what was said before, however small the screen


def banner(plan: Plan) -> Iterator[str]:
    """Say what this is: whom it imitates, and what writes."""
    whom = _cut(plan.speaker) if plan.speaker else names(name for name in plan.opening.members if name != plan.me)
    yield f"A simulation of {whom}. Everything here is written by {plan.voice.name}, not by them."
    if plan.speaker in plan.voice.silent:
        yield f"Warning: {whom} has written nothing that is prepared here: the model has not learnt their voice."
    if plan.voice.tainted:
        yield f"Warning: {plan.voice.tainted}"
    if plan.voice.changed_data:
        yield "Its messages were prepared anew since it was trained."


def where(plan: Plan) -> str:
    """Say where the conversation starts."""
    opening = plan.opening
    with_whom = _cut(opening.title) if opening.title else names(name for name in opening.members if name != plan.me)
    if opening.said:
        last = len(opening.said)
        return f"Going on from the last {last} messages with {with_whom}, until {opening.said[-1].day}."
    if not opening.begins_at:
        return f"A new conversation with {with_whom}."
    from ventriloquist.clock import local_day

    day = local_day(opening.begins_at, opening.zone)
    why = ""
    if opening.first_day:
        nobody = day < opening.first_day
        why = f"Nobody wrote before {opening.first_day}: " if nobody else "Nothing was said then: "
    return f"{why}{'a' if why else 'A'} new conversation with {with_whom}, on {day}."


def names(people: Iterable[str], most: int = MOST_NAMES) -> str:
    """Return people as a sentence names them; of many the first ones, and how many more there are."""
    people = list(people)
    more = len(people) - most
    if more <= 1:  # nobody is left out to save one name
        return ", ".join(map(_cut, people))
    return f"{', '.join(map(_cut, people[:most]))} and {more:,} others"


def _cut(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def show_past(said: Sequence[SentLine]) -> None:
    """Show the last messages that a conversation goes on from, dimmed: as many as leave the lines above in sight."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    room = max(LEAST_ROOM, console.height - AROUND)
    shown: list[Text] = []
    for number, one in reversed(list(enumerate(said))):
        text = Text(f"{harmless(one.line.name)}: {harmless(one.line.content)}", style="dim")
        above = [Text(f"— {one.day} —", style="dim")] if number == 0 or said[number - 1].day != one.day else []
        room -= len(text.wrap(console, console.width)) + len(above)
        if room < 0:
            shown.insert(0, Text(f"— {number + 1:,} before, until {one.day} —", style="dim"))
            break
        shown[:0] = [*above, text]
    for text in shown:
        console.print(text)
