"""The people and groups that are served, as OpenAI's models, and the messages that a chat with each continues."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Literal

from ventriloquist import chat
from ventriloquist.chat.opening import conversations_of, find_members
from ventriloquist.chat.voice import database
from ventriloquist.chat.words import names as joined
from ventriloquist.errors import SHOWN, UnknownNameError
from ventriloquist.layout import DATABASE, MANIFEST
from ventriloquist.model.manifest import read_manifest
from ventriloquist.names import find_name
from ventriloquist.serve.errors import RequestError
from ventriloquist.store.corpus import SentLine, TitledConversation, last_lines

MOST_PLANS = 64  # openings that are held in memory; one has at most 50 messages


@dataclass(frozen=True, slots=True)
class Entry:
    """A person or a group that can be chatted with."""

    id: str
    kind: Literal["person", "group"]
    members: tuple[str, ...]  # the owner first
    request: chat.Request
    last: SentLine | None = None


class Directory:
    """Everybody who is served. It is read again when the database has changed; threads may share it."""

    def __init__(
        self,
        home: Path,
        voice: chat.Voice,
        *,
        me: str | None = None,
        only: Sequence[str] = (),
        fresh: bool = False,
        timezone: str | None = None,
    ) -> None:
        """Look up the names.

        Args:
            me: the person that the user writes as; None: the owner.
            only: the people that are served; empty for all.
            fresh: whether chats begin without earlier messages, unless a request says otherwise.

        Raises:
            UnknownNameError, SettingsError: see `chat.find_person`.
        """
        self.me = chat.find_person(me, voice) if me else voice.people[0]
        self._home, self._voice, self._fresh, self._timezone = home, voice, fresh, timezone
        self._only = [chat.find_person(name, voice) for name in only]
        self._known = frozenset(voice.people)  # without those whom vq forget took out of the manifest since
        self._lock = Lock()
        self._stamp: object = None
        self._stored: list[TitledConversation] = []
        self._entries: dict[str, Entry] = {}
        self._plans: dict[tuple[str, str | None, bool], chat.ChatPlan] = {}
        self.entries()

    def entries(self) -> list[Entry]:
        """Return all, the one with the newest message first."""
        with self._lock:
            self._refresh()
            return [*self._entries.values()]

    def find(self, id: str | None) -> Entry:
        """Return a person or group by the id that somebody typed; the only one if there is none to choose.

        Raises:
            RequestError: there is no such id, or none is given and there are several.
            ModelError: the run was removed.
        """
        entries = {entry.id: entry for entry in self.entries()}
        if id is None and len(entries) == 1:
            return next(iter(entries.values()))
        if not id:
            known = ", ".join(map(repr, [*entries][:SHOWN]))
            what, hint = "The request names no model.", f"Name a person or a group: {known}."
            raise RequestError(404, what, hint=hint, code="model_not_found")
        try:
            return entries[find_name(id, entries, noun="model")]
        except UnknownNameError as error:
            raise RequestError(404, error.what, hint=error.hint, code="model_not_found") from None

    def may_write(self, name: str) -> bool:
        """Tell whether the model may write as somebody: those who are served, and the user; nobody who was forgotten.

        Raises:
            ModelError: the run was removed.
        """
        is_served = not self._only or name in (*self._only, self.me, self._voice.people[0])
        return is_served and not self.has_forgotten(name)

    def has_forgotten(self, name: str) -> bool:
        """Tell whether vq forget has taken somebody out of the run's manifest since the server began.

        Raises:
            ModelError: the run was removed.
        """
        with self._lock:
            self._refresh()
            return name in self._voice.people and name not in self._known

    def plan(self, entry: Entry, *, date: str | None = None, fresh: bool | None = None) -> chat.ChatPlan:
        """Return the plan of a chat: its people, and the messages that it continues.

        Raises:
            RequestError: nobody is called so any more.
            SettingsError: the date is not valid.
        """
        fresh = self._fresh if fresh is None else fresh
        key = (entry.id, date or None, fresh)
        with self._lock:
            self._refresh()
            now = self._entries.get(entry.id)  # a new database numbers its conversations anew
            if now is None:
                raise RequestError(404, f"{entry.id} is not served any more.", code="model_not_found")
            if key not in self._plans:
                request = replace(now.request, date=date or None, fresh=fresh)
                planned = chat.plan(self._home, request, self._voice, timezone=self._timezone, stored=self._stored)
                while len(self._plans) >= MOST_PLANS:
                    del self._plans[next(iter(self._plans))]
                self._plans[key] = planned
            return self._plans[key]

    def _refresh(self) -> None:
        """Read the database and the manifest again if one has changed: somebody may have been forgotten."""
        watched = [self._home / f"{DATABASE}{suffix}" for suffix in ("", "-wal")]
        stamp = [_stamp(path) for path in (*watched, *([self._voice.run / MANIFEST] if self._voice.run else []))]
        if stamp == self._stamp:
            return
        self._plans.clear()
        if self._voice.run:
            self._known = frozenset(read_manifest(self._voice.run).people)
        with database(self._home) as db:
            self._stored = conversations_of(db, self._voice.people[0]) if db else []
            found = [*self._people(), *self._groups()]
            lasts = {each.id: last_lines(db, each.id, 1) for _, each in found if db and each}
        entries = [
            replace(entry, last=next(iter(lasts.get(each.id, ())), None) if each else None) for entry, each in found
        ]
        # numbered before they are sorted, so that a new message changes no id
        numbered = sorted(_numbered(entries), key=lambda entry: -entry.last.sent_at if entry.last else 0)
        self._entries = {entry.id: entry for entry in numbered}
        self._stamp = stamp

    def _people(self) -> Iterable[tuple[Entry, TitledConversation | None]]:
        owner = self._voice.people[0]
        for name in self._only or self._voice.people:
            if name != self.me and self._known >= {name, self.me}:
                others = sorted({self.me, name} - {owner})
                stored = find_members(self._stored, owner, others)
                members = stored.members if stored else (owner, *others)
                yield Entry(name, "person", members, chat.Request(speaker=name, me=self.me)), stored

    def _groups(self) -> Iterable[tuple[Entry, TitledConversation | None]]:
        allowed = {self.me, *self._only}
        for each in sorted(self._stored, key=lambda each: each.id):
            if (
                each.type == "group"
                and self.me in self._known.intersection(each.members)
                and (not self._only or allowed >= {*each.members})
            ):
                title = each.title or joined(name for name in each.members if name != self.me)
                yield Entry(title, "group", each.members, chat.Request(source=str(each.id), me=self.me)), each


def _numbered(entries: Iterable[Entry]) -> Iterable[Entry]:
    """Give a number to each that is called like one before it."""
    taken: set[str] = set()
    for entry in entries:
        id, number = entry.id, 1
        while id in taken:
            number += 1
            id = f"{entry.id} ({number})"
        taken.add(id)
        yield replace(entry, id=id)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size
