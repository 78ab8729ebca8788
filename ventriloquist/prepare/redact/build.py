"""Build the redactor of a database: which countries' numbers it finds, and which secrets it knows already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from ventriloquist.errors import SettingsError
from ventriloquist.prepare.redact.own import OwnRule
from ventriloquist.prepare.redact.redactor import Redact, Redactor, kinds_with
from ventriloquist.store import Connection, collected

MAX_REGIONS = 3


def check_kinds(kinds: Collection[str] | None, own_rules: Sequence[OwnRule]) -> None:
    """Check that there are rules for these kinds.

    Raises:
        SettingsError: one of them has no rule.
    """
    possible = kinds_with(own_rules)
    for kind in kinds or ():
        if kind not in possible:
            raise SettingsError(f"There is no kind {kind!r} to redact.", hint=f"Choose from: {', '.join(possible)}.")


def build_redactor(db: Connection, kinds: Collection[str] | None, own_rules: Sequence[OwnRule]) -> Redact:
    """Return a redactor for secrets of these kinds (None for all) that has read every text with a digit."""
    if kinds is not None and not kinds:
        return _keep
    redactor = Redactor(kinds, regions=phone_regions(db), own_rules=own_rules)
    redactor.learn(collected.texts_with_digits(db))
    return redactor


def phone_regions(db: Connection) -> tuple[str, ...]:
    """Return where numbers without a country code may be: the owner's regions, then those of most people."""
    import phonenumbers  # its tables take a while to load

    own: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for handle, is_me in collected.phone_handles(db):
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


def _keep(text: str, counts: Counter[str] | None = None) -> str:  # noqa: ARG001  (called like a redactor)
    return text
