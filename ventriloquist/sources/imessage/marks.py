"""What columns that only newer versions have say of a message, as SQL that sums them up in one number.

The sum is computed by SQLite, since most rows have none of it and a column costs more than a condition.
"""

from __future__ import annotations

from collections.abc import Collection

SPAM, WAITS = 1, 2

# chat.is_filtered: 1 is a sender whom nobody knows; 2 junk; 3, 4 and up are promotions, transactions and their kinds.
FILTERED_AS_SPAM = 2
# message.filter_action: 1 lets a message through; 2 is junk, 3 a promotion, 4 a transaction.
_ACTIONS_AGAINST = (2, 4)


def expression(has: Collection[str]) -> str:
    """Return SQL of a number with the bits SPAM and WAITS, for a table `message` with these columns."""
    return f"{_is_spam(has)} + {WAITS} * {waits(has)}"


def waits(has: Collection[str]) -> str:
    """Return SQL that tells whether the owner set a time at which to send a message that has not been sent."""
    scheduled = [name for name in ("schedule_type", "schedule_state") if name in has]
    sent = [
        f"ifnull(CAST({name} AS INTEGER), 0) > 0"
        for name in ("is_sent", "is_delivered", "date_delivered", "date_read")
        if name in has
    ]
    if not scheduled or not sent:
        return "0"
    conditions = f"(is_from_me AND NOT ({' OR '.join(sent)})) IS 1"
    return f"(CASE WHEN {' OR '.join(scheduled)} THEN {conditions} ELSE 0 END)"  # of most rows the first is all


def is_filtered(has: Collection[str]) -> str | None:
    """Return SQL that tells whether a filter is against a message, None for a table that does not say."""
    low, high = _ACTIONS_AGAINST
    return f"CAST(filter_action AS INTEGER) BETWEEN {low} AND {high}" if "filter_action" in has else None


def _is_spam(has: Collection[str]) -> str:
    verdicts = ["CAST(is_spam AS INTEGER)" if "is_spam" in has else None, is_filtered(has)]
    return f"(({' OR '.join(filter(None, verdicts)) or '0'}) IS 1)"
