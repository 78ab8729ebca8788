"""A user's own rules, read from VQ_HOME/redact.txt, one on each line.

# the placeholder's name, a colon, and what to replace: words as they are, in any case …
project: Bluebird
# … or a regular expression between slashes, and flags after it if it needs them
nickname: /\\bzz\\d{4}\\b/
note: /^secret:.*$/m
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import regex

from ventriloquist.errors import SettingsError
from ventriloquist.fs import require_regular
from ventriloquist.layout import OWN_RULES

FLAGS = {"i": regex.I, "m": regex.M, "s": regex.S, "x": regex.X, "g": 0, "u": 0}  # g and u are always on
SECONDS, CHARACTERS_A_SECOND = 1.0, 100_000  # a rule's time for a text: one second, and more for a long text
_LINE = re.compile(r"(?P<kind>[a-z][a-z0-9_-]{0,30})\s*:\s*(?P<find>\S.*)")
_PATTERN = re.compile(rf"/(?P<pattern>.+)/(?P<flags>[{''.join(FLAGS)}]{{0,{len(FLAGS)}}})")


@dataclass(frozen=True, slots=True)
class OwnRule:
    """A line of the file. The whole match is replaced, whatever groups the pattern has."""

    kind: str  # of the placeholder
    pattern: regex.Pattern[str]
    line: str  # its place, for an error

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the spans of its matches, in order.

        Raises:
            SettingsError: it takes too long, as a repetition of a repetition does.
        """
        seconds = SECONDS + len(text) / CHARACTERS_A_SECOND
        try:
            for match in self.pattern.finditer(text, timeout=seconds):
                if match.end() > match.start():
                    yield match.span()
        except (TimeoutError, MemoryError):
            raise SettingsError(
                f"{self.line} takes too long to search a message.",
                hint="Write it without a repetition within a repetition, such as (a+)+ or (.*,)*.",
            ) from None


def load_own_rules(home: Path) -> tuple[OwnRule, ...]:
    """Read VQ_HOME/redact.txt, if there is one.

    Raises:
        SettingsError: a line is not a rule. The error does not quote it: it may contain a secret.
    """
    path = home / OWN_RULES
    try:
        require_regular(path)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{path} cannot be read.", hint="Make it a text file in UTF-8 that you own.") from None
    return parse_own_rules(text, str(path))


def parse_own_rules(text: str, source: str = OWN_RULES) -> tuple[OwnRule, ...]:
    """Parse rules; errors name `source`.

    Raises:
        SettingsError: a line is not a rule.
    """
    rules = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise _error(source, number, "is not a rule")
        try:
            compiled = _compile(match["find"])
        except (regex.error, ValueError, RecursionError, OverflowError, MemoryError):
            raise _error(source, number, "is not a valid regular expression") from None
        rules.append(OwnRule(match["kind"], compiled, f"Line {number} of {source}"))
    return tuple(rules)


def _compile(find: str) -> regex.Pattern[str]:
    """Compile the pattern of one rule. Joined patterns would renumber groups and misplace flags."""
    flags = regex.I
    if between := _PATTERN.fullmatch(find):
        find = between["pattern"]
        for flag in between["flags"]:
            flags |= FLAGS[flag]
    else:
        find = rf"(?<!\w){re.escape(find)}(?!\w)"
    with warnings.catch_warnings(action="ignore"):  # a later version of regex may read it differently
        return regex.compile(find, flags)


def _error(source: str, number: int, what: str) -> SettingsError:
    return SettingsError(
        f"Line {number} of {source} {what}.",
        hint="Write it like `project: Bluebird`, or `nickname: /zz[0-9]+/` for a regular expression.",
    )
