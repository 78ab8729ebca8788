"""Labelled messages: reading `call {phone|555-0100}`, and scoring what a redactor makes of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

_LABEL = re.compile(r"\{(\w+)\|([^}]*)\}")
_PLACEHOLDER = re.compile(r"\[(\w+)\]")


@dataclass(frozen=True)
class Labelled:
    """A message, what a perfect redaction makes of it, and its secrets with their kinds."""

    text: str
    redacted: str
    secrets: tuple[tuple[str, str], ...]


@dataclass
class Score:
    """Counts by kind: secrets, those of which nothing is left, and those with the right placeholder, too."""

    secrets: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    exact: Counter[str] = field(default_factory=Counter)
    false_alarms: Counter[str] = field(default_factory=Counter)
    clean_messages: int = 0
    clean_messages_changed: int = 0
    missed: list[str] = field(default_factory=list)


def parse(line: str) -> Labelled:
    return Labelled(
        _LABEL.sub(r"\2", line), _LABEL.sub(r"[\1]", line), tuple(match.groups() for match in _LABEL.finditer(line))
    )


def read(path: Path) -> list[Labelled]:
    return [parse(line) for line in path.read_text().split("\n") if line and not line.startswith("# ")]


def placeholders(text: str) -> Counter[str]:
    return Counter(_PLACEHOLDER.findall(text))


def score(messages: Iterable[Labelled], redact: Callable[[str], str]) -> Score:
    """Redact each message; a placeholder beyond those that the labels ask for is a false alarm of its kind."""
    result = Score()
    for message in messages:
        redacted = redact(message.text)
        expected = Counter(kind for kind, _ in message.secrets)
        given = placeholders(redacted)
        result.secrets += expected
        result.false_alarms += given - expected
        for kind, secret in message.secrets:
            result.gone[kind] += secret.strip("\"'") not in redacted
        if redacted == message.redacted:
            result.exact += expected
        else:
            result.missed.append(f"{message.redacted}  ->  {redacted}")
        if not message.secrets:
            result.clean_messages += 1
            result.clean_messages_changed += redacted != message.text
    return result
