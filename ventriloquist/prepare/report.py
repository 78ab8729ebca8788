"""What was prepared, in numbers: lines by split, for each person and each conversation."""

from __future__ import annotations

from dataclasses import dataclass

from ventriloquist.database import Database

_COUNTS = "sum(t.split IS 'train'), sum(t.split IS 'validation'), sum(t.split IS 'test'), sum(t.split IS NULL)"

NAMES = 10  # of a group without a title that are shown


@dataclass(frozen=True, slots=True)
class Counts:
    """Lines of one person or one conversation; `context` ones are no targets."""

    name: str
    train: int
    validation: int
    test: int
    context: int


def by_person(db: Database) -> list[Counts]:
    """Return the lines of everybody, who wrote most first."""
    rows = db.conn.execute(
        f"SELECT t.sender, {_COUNTS} FROM training_messages t"  # noqa: S608  (fixed names)
        " GROUP BY t.sender ORDER BY count(*) DESC, t.sender"
    )
    return [Counts(*row) for row in rows]


def by_conversation(db: Database) -> list[Counts]:
    """Return the lines of every conversation, the longest first, by its title or whom it is with."""
    rows = db.conn.execute(
        f"""
        SELECT coalesce(
            (SELECT nullif(title, '') FROM conversations WHERE id = t.conversation_id),
            (SELECT group_concat(name, ', ') || CASE
                WHEN max(all_of_them) > {NAMES} THEN ' and ' || (max(all_of_them) - {NAMES}) || ' more' ELSE ''
            END FROM (
                SELECT p.name, count(*) OVER () AS all_of_them FROM members m JOIN people p ON p.id = m.person_id
                WHERE m.conversation_id = t.conversation_id AND NOT p.is_me ORDER BY p.name LIMIT {NAMES}
            )),
            (SELECT CASE type WHEN 'group' THEN 'group ' || id ELSE 'notes to self' END
                FROM conversations WHERE id = t.conversation_id)
        ), {_COUNTS}
        FROM training_messages t GROUP BY t.conversation_id ORDER BY count(*) DESC, t.conversation_id
        """  # noqa: S608  (fixed names)
    )
    return [Counts(*row) for row in rows]
