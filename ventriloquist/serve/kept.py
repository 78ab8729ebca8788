"""Keeping the chats that are served, as `vq chat` keeps its own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from ventriloquist.chat import ChatPlan, ChatSession, Keeper, Request
from ventriloquist.chat.kept import MOST


class Keepers:
    """Keeps each conversation after an answer. Requests that begin alike belong to one conversation."""

    def __init__(self, home: Path, log: Callable[[str], None]) -> None:
        self._home, self._log = home, log
        self._keepers: dict[str, tuple[Keeper, int]] = {}  # with the turns kept; by conversation, the last used last

    def __call__(self, request: Request, plan: ChatPlan, session: ChatSession) -> None:
        """Keep a conversation in the file that it has already, if it has one.

        A first turn after further ones begins another conversation, which began with the same words.
        """
        new = session.new_lines()
        if not new:
            return
        begins = [*session.members, str(session.opened_with), *session.said[0].line, *new[0].line]
        key = hashlib.sha256("\0".join(begins).encode()).hexdigest()
        keeper, turns = self._keepers.pop(key, (None, 0))
        if keeper is None or len(session.turns) == 1 < turns:
            keeper = Keeper(self._home, plan.about(request, self._home), warn=self._log)
        keeper(session)
        self._keepers[key] = keeper, len(session.turns)
        if len(self._keepers) > MOST:
            del self._keepers[next(iter(self._keepers))]
