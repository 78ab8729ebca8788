"""Parse the demo's scripts, which are scenes with choices in them, and play a scene by making every choice.

    = the lost drill
    R: Have you seen the {tool:drill|router}? It's not on the {bench|shelf} where I left it
    M^1: check {the van|under the tarp}
    R: [photo]

`= title` begins a scene and a blank line ends it; `X: text` is a message by the speaker with that initial and `X^n:` an
inline reply to the message n lines above; `{a|b}` chooses one (an alternative may be empty), `{name:a|b}` remembers
what was chosen, and `{name}` repeats it later in the scene.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

PHOTO = "[photo]"
LONG = 25  # characters; a reader would notice if a message this long came twice

_MESSAGE = re.compile(r"(?P<speaker>[A-Z])(?:\^(?P<above>[1-9][0-9]*))?: (?P<text>\S.*)")
_CHOICE = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"(?:(?P<name>[a-z]+):)?(?P<alternatives>.*)")


class ScriptError(ValueError):
    """A line is not in the format; the message names the file and the line."""


class Choice(NamedTuple):
    """One of several alternatives, remembered under a name if it has one."""

    alternatives: tuple[str, ...]
    name: str | None


class Recall(NamedTuple):
    """The alternative that was chosen under this name earlier in the scene."""

    name: str


@dataclass(frozen=True, slots=True)
class Line:
    """A message of a scene. `reply_to` is the index in the scene of the message that it is an inline reply to."""

    speaker: str
    parts: tuple[str | Choice | Recall, ...]
    reply_to: int | None


@dataclass(frozen=True, slots=True)
class Scene:
    """A talk in one sitting."""

    title: str
    lines: tuple[Line, ...]


class Spoken(NamedTuple):
    """A line after its choices were made."""

    speaker: str
    text: str
    reply_to: int | None


def parse_script(text: str, speakers: Collection[str], *, name: str = "script") -> list[Scene]:
    """Parse a script's text, in which only `speakers` may speak. Errors name it `name`.

    Raises:
        ScriptError: a line is not in the format.
    """
    scenes: list[Scene] = []
    lines: list[Line] | None = None  # of the scene that is being read
    remembered: set[str] = set()
    title = ""
    for number, row in enumerate([*text.split("\n"), ""], start=1):
        try:
            if row.startswith("= "):
                _require(lines is None, "a scene begins without a blank line before it")
                title = row[2:].strip()
                _require(title not in {scene.title for scene in scenes}, "the title is taken")
                lines, remembered = [], set()
            elif not row:
                if lines is not None:
                    _require(bool(lines), "the scene is empty")
                    scenes.append(Scene(title, tuple(lines)))
                lines = None
            else:
                _require(lines is not None, "a message outside a scene")
                lines = lines or []
                lines.append(_parse_line(row, speakers, len(lines), remembered))
        except ScriptError as error:
            raise ScriptError(f"{name}:{number}: {error}") from None
    return scenes


def _parse_line(row: str, speakers: Collection[str], index: int, remembered: set[str]) -> Line:
    match = _MESSAGE.fullmatch(row)
    if match is None:
        raise ScriptError("neither a title nor a message")
    _require(match["speaker"] in speakers, f"nobody here is {match['speaker']}")
    above = match["above"]
    _require(above is None or int(above) <= index, "the reply is to a line above the scene")
    parts: list[str | Choice | Recall] = []
    for position, piece in enumerate(_CHOICE.split(match["text"])):
        if position % 2:  # what stood in braces
            parts.append(_parse_choice(piece, remembered))
        else:
            _require(not set("{}|") & set(piece), "a brace or a bar that belongs to no choice")
            parts.append(piece)
    _require(_never_empty(parts), "the message may come out empty")
    return Line(match["speaker"], tuple(parts), None if above is None else index - int(above))


def _parse_choice(piece: str, remembered: set[str]) -> Choice | Recall:
    if "|" not in piece:
        _require(piece in remembered, f"nothing is remembered as {piece!r}")
        return Recall(piece)
    match = _NAME.fullmatch(piece)
    assert match is not None  # noqa: S101  # the pattern takes every piece of a line
    name = match["name"]
    if name is not None:
        _require(name not in remembered, f"{name!r} is remembered already")
        remembered.add(name)
    alternatives = tuple(match["alternatives"].split("|"))
    _require(len(set(alternatives)) == len(alternatives), "two alternatives are the same")
    return Choice(alternatives, name)


def _never_empty(parts: Sequence[str | Choice | Recall]) -> bool:
    for part in parts:
        match part:
            case Choice(alternatives) if not all(alternative.strip() for alternative in alternatives):
                continue
            case str() if not part.strip():
                continue
        return True
    return False


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ScriptError(what)


def play(scene: Scene, rng: random.Random) -> list[Spoken]:
    """Play a scene: make every choice, and fold the white space that an empty alternative leaves."""
    remembered: dict[str, str] = {}
    spoken = []
    for line in scene.lines:
        words = []
        for part in line.parts:
            if isinstance(part, Recall):
                words.append(remembered[part.name])
            elif isinstance(part, Choice):
                words.append(rng.choice(part.alternatives))
                if part.name is not None:
                    remembered[part.name] = words[-1]
            else:
                words.append(part)
        spoken.append(Spoken(line.speaker, " ".join("".join(words).split()), line.reply_to))
    return spoken


def play_anew(scene: Scene, earlier: Collection[str], rng: random.Random, *, attempts: int = 60) -> list[Spoken]:
    """Play a scene so that as few of its longer messages as possible are in `earlier`, letter for letter."""
    return min((play(scene, rng) for _ in range(attempts)), key=lambda played: repeated_share(played, earlier))


def repeated_share(played: Sequence[Spoken], earlier: Collection[str]) -> float:
    """Return the share of a play's longer messages (25 characters or more) that are in `earlier`."""
    longer = [line.text for line in played if len(line.text) >= LONG]
    return sum(text in earlier for text in longer) / max(1, len(longer))
