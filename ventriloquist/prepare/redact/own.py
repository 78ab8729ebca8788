"""A user's own rules: VQ_HOME/redact.txt, one a line.

# the placeholder's name, a colon, and what to replace: words as they are, in any case …
project: Bluebird
# … or a regular expression between slashes, with flags after it where it needs them
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

FLAGS = {"i": regex.I, "m": regex.M, "s": regex.S, "x": regex.X, "g": 0, "u": 0}  # all matches and Unicode: always so
SECONDS, CHARACTERS_A_SECOND = 1.0, 100_000  # that a rule may take for a text, and more for a long one
_LINE = re.compile(r"(?P<kind>[a-z][a-z0-9_-]{0,30})\s*:\s*(?P<find>\S.*)")
_PATTERN = re.compile(rf"/(?P<pattern>.+)/(?P<flags>[{''.join(FLAGS)}]{{0,{len(FLAGS)}}})")


@dataclass(frozen=True, slots=True)
class OwnRule:
    """One line of the file: what it finds is replaced whole, whatever groups it has."""

    kind: str  # names the placeholder
    pattern: regex.Pattern[str]
    line: str  # names the line in an error

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where it finds something, in order.

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
    """Read VQ_HOME/redact.txt; no file, no rules.

    Raises:
        SettingsError: a line is not a rule. The line itself is not repeated: it may name a secret.
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
    """Parse rules; `source` names them in an error.

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
    """Compile a pattern alone, so that its groups keep their numbers and its flags stand at its beginning."""
    flags = regex.I
    if between := _PATTERN.fullmatch(find):
        find = between["pattern"]
        for flag in between["flags"]:
            flags |= FLAGS[flag]
    else:
        find = rf"(?<!\w){re.escape(find)}(?!\w)"
    with warnings.catch_warnings(action="ignore"):  # of what a later version may read otherwise
        return regex.compile(find, flags)


def _error(source: str, number: int, what: str) -> SettingsError:
    return SettingsError(
        f"Line {number} of {source} {what}.",
        hint="Write it like `project: Bluebird`, or `nickname: /zz[0-9]+/` for a regular expression.",
    )
