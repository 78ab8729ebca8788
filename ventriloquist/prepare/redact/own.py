"""A user's own rules: VQ_HOME/redact.txt, one a line.

# the placeholder's name, a colon, and what to replace: words as they are, in any case …
project: Bluebird
# … or a regular expression between slashes
nickname: /\\bzz\\d{4}\\b/
"""

from __future__ import annotations

import re
from pathlib import Path

from ventriloquist.errors import SettingsError
from ventriloquist.prepare.redact.rules import Rule
from ventriloquist.prepare.redact.triggers import always
from ventriloquist.regular import require_regular

FILENAME = "redact.txt"
_LINE = re.compile(r"(?P<kind>[a-z][a-z0-9_-]{0,30})\s*:\s*(?P<find>\S.*)")


def load_own_rules(home: Path) -> tuple[Rule, ...]:
    """Read VQ_HOME/redact.txt; no file, no rules.

    Raises:
        SettingsError: a line is no rule. The line itself is not repeated: it may name a secret.
    """
    path = home / FILENAME
    try:
        require_regular(path)
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{path} cannot be read.", hint="Make it a text file in UTF-8 that you own.") from None
    return parse_own_rules(text, str(path))


def parse_own_rules(text: str, source: str = FILENAME) -> tuple[Rule, ...]:
    """Parse rules; `source` names them in an error.

    Raises:
        SettingsError: a line is no rule.
    """
    rules = []
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        if match is None:
            raise _error(source, number)
        find = match["find"]
        is_pattern = len(find) > 2 and find.startswith("/") and find.endswith("/")
        pattern = find[1:-1] if is_pattern else rf"(?<!\w){re.escape(find)}(?!\w)"
        try:
            compiled = re.compile(f"(?P<secret>{pattern})", re.IGNORECASE)
        except (re.error, RecursionError):
            raise _error(source, number) from None
        rules.append(Rule(match["kind"], 0, always, compiled, in_urls=True))
    return tuple(rules)


def _error(source: str, number: int) -> SettingsError:
    return SettingsError(
        f"Line {number} of {source} is not a rule.",
        hint="Write it like `project: Bluebird`, or `nickname: /zz[0-9]+/` for a regular expression.",
    )
