"""The columns of newer versions that flag a message as spam or scheduled, as one SQL number.

SQLite computes the number, because most rows have no flag, and a condition is cheaper than another column.
"""

from __future__ import annotations

from collections.abc import Collection

SPAM, SCHEDULED = 1, 2

# chat.is_filtered: 1 is an unknown sender; 2 junk; 3, 4 and up are promotions, transactions and their kinds.
FILTERED_AS_SPAM = 2
# message.filter_action: 1 lets a message through; 2 is junk, 3 a promotion, 4 a transaction.
_FILTERING_ACTIONS = (2, 4)


def expression(has: Collection[str]) -> str:
    """Return SQL for a number with the bits SPAM and SCHEDULED, for a table `message` with these columns."""
    return f"{_is_spam(has)} + {SCHEDULED} * {is_scheduled(has)}"


def is_scheduled(has: Collection[str]) -> str:
    """Return SQL that tells whether the owner scheduled a message that has not been sent yet."""
    scheduled = [name for name in ("schedule_type", "schedule_state") if name in has]
    sent = [
        f"ifnull(CAST({name} AS INTEGER), 0) > 0"
        for name in ("is_sent", "is_delivered", "date_delivered", "date_read")
        if name in has
    ]
    if not scheduled or not sent:
        return "0"
    conditions = f"(is_from_me AND NOT ({' OR '.join(sent)})) IS 1"
    return f"(CASE WHEN {' OR '.join(scheduled)} THEN {conditions} ELSE 0 END)"  # most rows need only the first test


def is_filtered(has: Collection[str]) -> str | None:
    """Return SQL that tells whether a filter moved a message to junk, or None if the table has no such column."""
    low, high = _FILTERING_ACTIONS
    return f"CAST(filter_action AS INTEGER) BETWEEN {low} AND {high}" if "filter_action" in has else None


def _is_spam(has: Collection[str]) -> str:
    verdicts = ["CAST(is_spam AS INTEGER)" if "is_spam" in has else None, is_filtered(has)]
    return f"(({' OR '.join(filter(None, verdicts)) or '0'}) IS 1)"
