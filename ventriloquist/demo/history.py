"""Play the cast's scripts over three years: who says what to whom, when, and who reacts to it."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ventriloquist.demo.cast import CAST, LINKS, Address, Conversation, Person
from ventriloquist.demo.script import PHOTO, Scene, Spoken, play_anew
from ventriloquist.records import ReactionKind

BEGIN = dt.datetime(2023, 2, 1, tzinfo=dt.UTC)
DAYS = 3 * 365
FRESH_SHARE = 0.2  # of the scenes; they are played once, at the end, so held-out messages repeat nothing

EDITED_SHARE = 0.01
UNSENT_SHARE = 0.004
LINK_SHARE = 0.04  # of the sittings; they end with a link
TAKEN_BACK_SHARE = 0.08  # of the tapbacks; another kind replaces half of them

SECOND_MS, HOUR_MS, DAY_MS = 1000, 3_600_000, 86_400_000
LONGEST_PAUSE = 5 * 3600  # seconds within a sitting


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """A message that somebody sends."""

    conversation: Conversation
    address: Address | None  # that a one-to-one sitting goes through; None in a group
    speaker: str
    at: int  # Unix milliseconds
    text: str
    reply_to: Said | None = None
    is_link: bool = False
    edited_from: str | None = None  # its first text, if it was edited
    unsent_first: str | None = None  # what was sent and unsent right before it
    tapbacks: list[Tapback] = field(default_factory=list)


class Tapback(NamedTuple):
    """A tapback. `until` is when it was taken back; None if it was not."""

    by: str
    at: int
    kind: ReactionKind
    emoji: str | None
    until: int | None = None


def play_conversation(conversation: Conversation, scenes: Sequence[Scene], seed: int) -> list[Said]:
    """Play a conversation's scenes over the years, in order of time. Plays of the same scene are far apart."""
    rng = random.Random(f"{seed} {conversation.script}")  # noqa: S311  # a story, not a secret
    sittings = schedule(scenes, conversation.plays, rng)
    days = sorted(rng.sample(range(DAYS), len(sittings)))
    said: list[Said] = []
    written: set[str] = set()
    for day, scene in zip(days, sittings, strict=True):
        played = play_anew(scene, written, rng)
        written.update(line.text for line in played)
        earliest = said[-1].at + HOUR_MS if said else 0
        said.extend(_sitting(conversation, played, day, earliest, rng))
    return said


def schedule(scenes: Sequence[Scene], plays: int, rng: random.Random) -> list[Scene]:
    """Return the scenes in the order in which they are played.

    Each round plays every scene except the fresh ones. It is shuffled within thirds, so that two plays of a scene are
    at least half a round apart. The fresh scenes come last.
    """
    order = rng.sample(scenes, len(scenes))
    fresh = math.ceil(FRESH_SHARE * len(order))
    repeated, end = order[:-fresh], order[-fresh:]
    third = math.ceil(len(repeated) / 3)
    thirds = [repeated[start : start + third] for start in range(0, len(repeated), third)]
    rounds = [scene for _ in range(plays) for part in thirds for scene in rng.sample(part, len(part))]
    return rounds + end


def _sitting(
    conversation: Conversation, played: Sequence[Spoken], day: int, earliest: int, rng: random.Random
) -> Iterator[Said]:
    first = CAST[played[0].speaker]
    hour = rng.uniform(*first.hours)
    at = max(earliest, int(BEGIN.timestamp() * 1000) + day * DAY_MS + int(hour * HOUR_MS))
    address = None
    if conversation.title is None:
        partner = CAST[conversation.initials[1]]
        address = rng.choices(partner.addresses, [address.share for address in partner.addresses])[0]
    plain = address is not None and address.service != "iMessage"  # SMS and RCS have no tapbacks, replies or edits
    said: list[Said] = []
    for line in played:
        if said:
            at += _pause(CAST[line.speaker], bursts=said[-1].speaker == line.speaker, rng=rng)
        reply_to = None if line.reply_to is None or plain else said[line.reply_to]
        edited_from, unsent_first = (None, None) if plain else _slips(line.text, rng)
        said.append(
            Said(
                conversation,
                address,
                line.speaker,
                at,
                line.text,
                reply_to,
                edited_from=edited_from,
                unsent_first=unsent_first,
            )
        )
    if rng.random() < LINK_SHARE:
        at += _pause(CAST[played[-1].speaker], bursts=True, rng=rng)
        said.append(Said(conversation, address, played[-1].speaker, at, LINKS[played[-1].speaker], is_link=True))
    if not plain:
        for spoken in said:
            spoken.tapbacks.extend(_tapbacks(spoken, rng))
    yield from said


def _pause(person: Person, *, bursts: bool, rng: random.Random) -> int:
    """Return how long a person takes to write, in milliseconds; log-normal, like real latencies."""
    median, spread = (person.types_on_after, 0.6) if bursts else (person.answers_after, 0.9)
    return int(SECOND_MS * min(LONGEST_PAUSE, max(2.0, rng.lognormvariate(math.log(median), spread))))


def _slips(text: str, rng: random.Random) -> tuple[str | None, str | None]:
    """Return a message's text before its edit, and what was unsent before it; usually None and None."""
    chance = rng.random()
    if text == PHOTO or len(text) < 12 or chance > EDITED_SHARE + UNSENT_SHARE:
        return None, None
    slip = _mistyped(text, rng)
    return (slip, None) if chance < EDITED_SHARE else (None, slip)


def _mistyped(text: str, rng: random.Random) -> str:
    """Swap two neighbouring letters of a word."""
    places = [i for i in range(len(text) - 1) if text[i : i + 2].isalpha() and text[i].lower() != text[i + 1].lower()]
    place = rng.choice(places)
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _tapbacks(spoken: Said, rng: random.Random) -> Iterator[Tapback]:
    for initial in spoken.conversation.initials:
        person = CAST[initial]
        if initial == spoken.speaker or rng.random() > person.reacts:
            continue
        at = spoken.at + rng.randint(3, 90) * SECOND_MS
        kind = rng.choices(list(person.tapbacks), list(person.tapbacks.values()))[0]
        chance = rng.random()
        until = at + rng.randint(2, 30) * SECOND_MS if chance < TAKEN_BACK_SHARE else None
        yield Tapback(initial, at, kind, rng.choice(person.emoji) if kind == "emoji" else None, until)
        others = [other for other in person.tapbacks if other not in (kind, "emoji")]
        if until is not None and others and chance < TAKEN_BACK_SHARE / 2:
            yield Tapback(initial, until + SECOND_MS, rng.choice(others), None)
