"""The redactor for one file: its owner's regions, and what is known to be secret in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from ventriloquist.errors import SettingsError
from ventriloquist.prepare.lines import Redact
from ventriloquist.prepare.redact import KINDS, OwnRule, Redactor
from ventriloquist.store import Connection

MAX_REGIONS = 3

# GLOB sees ASCII digits alone and stops at a NUL: other texts are read when their turn comes
_TEXTS_WITH_DIGITS = """
    SELECT text FROM text_messages WHERE text GLOB '*[0-9]*'
    UNION ALL SELECT filename FROM attachments WHERE filename GLOB '*[0-9]*'
    UNION ALL SELECT transcript FROM attachments WHERE transcript GLOB '*[0-9]*'
"""


def check_kinds(kinds: Collection[str] | None, own_rules: Sequence[OwnRule]) -> None:
    """Check that there are rules for these kinds.

    Raises:
        SettingsError: there are none for one of them.
    """
    possible = tuple(dict.fromkeys((*(rule.kind for rule in own_rules), *KINDS)))
    for kind in kinds or ():
        if kind not in possible:
            raise SettingsError(f"There is no kind {kind!r} to redact.", hint=f"Choose from: {', '.join(possible)}.")


def make_redactor(db: Connection, kinds: Collection[str] | None, own_rules: Sequence[OwnRule]) -> Redact:
    """Return what replaces secrets of these kinds (None for all) in the texts of a file.

    Raises:
        SettingsError: there are no rules for one of them.
    """
    check_kinds(kinds, own_rules)
    if kinds is not None and not kinds:
        return _keep
    redactor = Redactor(kinds, regions=phone_regions(db), own_rules=own_rules)
    redactor.learn(_texts_with_digits(db))
    return redactor


def phone_regions(db: Connection) -> tuple[str, ...]:
    """Return where numbers without a country code may be: the owner's regions, then those of most people."""
    import phonenumbers  # its tables take a while to load

    own: Counter[str] = Counter()
    others: Counter[str] = Counter()
    rows = db.execute(
        "SELECT h.handle, p.is_me FROM handles h JOIN people p ON p.id = h.person_id WHERE h.handle GLOB '+[0-9]*'"
    )
    for handle, is_me in rows:
        try:
            region = phonenumbers.region_code_for_number(phonenumbers.parse(handle))
        except phonenumbers.NumberParseException:
            continue
        if region:
            (own if is_me else others)[region] += 1
    ranked = (*(region for region, _ in _by_count(own)), *(region for region, _ in _by_count(others)))
    return tuple(dict.fromkeys(ranked))[:MAX_REGIONS] or ("US",)


def _by_count(regions: Counter[str]) -> list[tuple[str, int]]:
    return sorted(regions.items(), key=lambda item: (-item[1], item[0]))


def _texts_with_digits(db: Connection) -> Iterator[str]:
    return (text for (text,) in db.execute(_TEXTS_WITH_DIGITS))


def _keep(text: str, counts: Counter[str] | None = None) -> str:  # noqa: ARG001  (as a redactor is called)
    return text
