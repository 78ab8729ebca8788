"""A few lines that show a base model the format, before it scores what it has not seen."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Mapping

from ventriloquist.store import Connection
from ventriloquist.store.corpus import typed_lines
from ventriloquist.transcript import Header, Line, render_header, render_line

FORMAT_LINES = 8
MAX_CHARACTERS = 200  # of a shown content: every row is read after these lines
ONE_DAY = "2020-01-01"  # in the header of every made-up conversation


def format_lines(db: Connection, boundaries: Mapping[int, int], seed: int) -> str:
    """Return a group conversation of training messages that the seed draws; empty if there are none.

    It shows keys, deltas and how contents are quoted. The writers take turns, those with most messages first, so that
    no person is shown more than once before the others are. It is the same for all rows.

    Args:
        boundaries: for each conversation, the position of the first message that no run was trained on.
    """
    generator = random.Random(seed)  # noqa: S311  # not for secrets
    counts: Counter[str] = Counter()
    drawn: dict[str, list[Line]] = defaultdict(list)
    for id, position, sender, content, delta, _, split, _ in typed_lines(db):
        if split not in ("train", None) or position >= boundaries.get(id, 0) or len(content) > MAX_CHARACTERS:
            continue
        counts[sender] += 1
        if len(drawn[sender]) < FORMAT_LINES:
            drawn[sender].append(Line(sender, delta, content))
        elif (place := generator.randrange(counts[sender])) < FORMAT_LINES:  # so each message is equally likely
            drawn[sender][place] = Line(sender, delta, content)
    names = sorted(counts, key=lambda name: (-counts[name], name))[:FORMAT_LINES]
    turns = [drawn[name][turn] for turn in range(FORMAT_LINES) for name in names if turn < len(drawn[name])]
    if not turns:
        return ""
    header = render_header(Header("group" if len(names) > 2 else "dm", tuple(names), ONE_DAY))
    return "".join(line + "\n" for line in (header, *map(render_line, turns[:FORMAT_LINES])))
