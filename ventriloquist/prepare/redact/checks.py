"""What a pattern alone cannot tell: check digits, and what a password looks like."""

from __future__ import annotations

import re
from collections.abc import Callable

from ventriloquist.prepare.redact.words import NO_PASSWORD, word_set

_NO_PASSWORD = word_set(NO_PASSWORD)
_MEASURE = re.compile(r"[\d.,:/-]+(?:st|nd|rd|th|am|pm|h|hrs?|min|mins?|km|kg|k|m|s|x|%|€|\$)?", re.IGNORECASE)
# of twelve digits only Maestro's, of fifteen American Express' and JCB's oldest
_CARD = re.compile(r"(?:5[0678]|6\d)\d{10,17}|[2-6]\d{12,18}|(?:1800|2131)\d{11}")
_INNER_CAPITAL = re.compile(r"[^\W\d_A-ZÀ-Ý][A-ZÀ-Ý]")


def is_card(secret: str) -> bool:
    """Tell whether digits are a payment card's: a known beginning and the right check digit (ISO/IEC 7812)."""
    digits = "".join(str(int(c)) for c in secret if c.isdigit())
    if not _CARD.fullmatch(digits) or len(set(digits)) < 2:
        return False
    numbers = [int(c) for c in digits]
    total = sum(numbers[-1::-2]) + sum(d * 2 - 9 if d > 4 else d * 2 for d in numbers[-2::-2])
    return total % 10 == 0


def is_iban(secret: str) -> bool:
    """Tell whether the check digits of an IBAN are right (ISO 13616: divided by 97 it leaves 1)."""
    compact = re.sub(r"[\s-]", "", secret).upper()
    return int("".join(str(int(c, 36)) for c in compact[4:] + compact[:4])) % 97 == 1


def has_digits(least: int) -> Callable[[str], bool]:
    """Return a check for so many digits."""
    return lambda secret: sum(c.isdigit() for c in secret) >= least


def is_strong(secret: str) -> bool:
    """Tell whether a token looks like a password by itself: letters with digits or signs, or a capital within."""
    if len(secret) < 5 or secret.startswith(("http", "@", "#")) or _MEASURE.fullmatch(secret):
        return False
    has_letter = any(c.isalpha() for c in secret)
    has_other = any(c.isdigit() or c in "!@#$%^&*_+=~?|\\" for c in secret.rstrip("!?"))
    return has_letter and (has_other or _INNER_CAPITAL.search(secret) is not None)


def is_password(secret: str) -> bool:
    """Tell whether what follows "the password is" is one."""
    word = secret.casefold().strip("'’!")
    return len(secret) >= 3 and word not in _NO_PASSWORD and not word.endswith(("n't", "n’t", "ing"))


def is_strong_password(secret: str) -> bool:
    """Tell whether a token is a password where little but the word stands before it."""
    return is_strong(secret) and is_password(secret)
