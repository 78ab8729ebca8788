"""Checks that a pattern cannot make: check digits, and whether a word looks like a password."""

from __future__ import annotations

import re
from collections.abc import Callable

from ventriloquist.prepare.redact.words import NO_PASSWORD, word_set

_NO_PASSWORD = word_set(NO_PASSWORD)
_MEASURE = re.compile(r"[\d.,:/-]+(?:st|nd|rd|th|am|pm|h|hrs?|min|mins?|km|kg|k|m|s|x|%|€|\$)?", re.IGNORECASE)
# twelve digits: Maestro only; fifteen: American Express, and the oldest of JCB
_CARD = re.compile(r"(?:5[0678]|6\d)\d{10,17}|[2-6]\d{12,18}|(?:1800|2131)\d{11}")
_INNER_CAPITAL = re.compile(r"[^\W\d_A-ZÀ-Ý][A-ZÀ-Ý]")


def is_card(secret: str) -> bool:
    """Return whether this is a payment card's number: a known prefix and the right check digit (ISO/IEC 7812)."""
    digits = "".join(str(int(c)) for c in secret if c.isdigit())
    if not _CARD.fullmatch(digits) or len(set(digits)) < 2:
        return False
    numbers = [int(c) for c in digits]
    total = sum(numbers[-1::-2]) + sum(d * 2 - 9 if d > 4 else d * 2 for d in numbers[-2::-2])
    return total % 10 == 0


def is_iban(secret: str) -> bool:
    """Return whether the check digits of an IBAN are right (ISO 13616: the remainder of a division by 97 is 1)."""
    compact = re.sub(r"[\s-]", "", secret).upper()
    if not re.fullmatch(r"[A-Z]{2}[A-Z\d]+", compact):  # IGNORECASE also lets İ, ı, ſ and the Kelvin sign in
        return False
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def has_digits(least: int) -> Callable[[str], bool]:
    """Return a check that a secret has at least so many digits."""
    return lambda secret: sum(c.isdigit() for c in secret) >= least


def is_strong(secret: str) -> bool:
    """Return whether a token looks like a password: letters with digits or signs, or with a capital inside."""
    if len(secret) < 5 or secret.startswith(("http", "@", "#")) or _MEASURE.fullmatch(secret):
        return False
    has_letter = any(c.isalpha() for c in secret)
    has_other = any(c.isdigit() or c in "!@#$%^&*_+=~?|\\" for c in secret.rstrip("!?"))
    return has_letter and (has_other or _INNER_CAPITAL.search(secret) is not None)


def is_password(secret: str) -> bool:
    """Return whether the word after "the password is" can be a password."""
    word = secret.casefold().strip("'’!")
    return len(secret) >= 3 and word not in _NO_PASSWORD and not word.endswith(("n't", "n’t", "ing"))


def is_strong_password(secret: str) -> bool:
    """Return whether a token is a password when only the word "password" precedes it."""
    return is_strong(secret) and is_password(secret)
