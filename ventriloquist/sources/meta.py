"""Messenger's and Instagram's "Download your information" in JSON, and Messenger's end-to-end encrypted chats."""

from __future__ import annotations

import json
import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple
from zlib import crc32

from ventriloquist.errors import SourceError
from ventriloquist.names import fold
from ventriloquist.sources.export_records import Person, Reacted, Record, Said, Skipped, Thread
from ventriloquist.sources.json_stream import JsonStream
from ventriloquist.sources.meta_message import Found, Messages, is_sentence, mend, milliseconds, plain

MESSAGE_FILE = re.compile(r"message_(\d{1,9})\.json\Z")
WHOLE_BYTES = 8 << 20  # a smaller part is decoded at once, which is faster; a part has 10,000 messages
WINDOW = 20_000  # messages of a larger part that are put into time order together
HEAD_BYTES = 1 << 16
ALIKE = 5  # times that a sentence stands beside an attachment until it is the application's
_NUMBER = re.compile(r"_(\d+)\Z")
UNIQUE_DIGITS = 5  # of a number at the end that no two threads share
_PLACES = frozenset(("inbox", "archived_threads", "filtered_threads", "message_requests", "e2ee_cutover"))
_ENCRYPTED = "e2ee "  # before the ids of threads of the encrypted download
_PARTICIPANTS = re.compile(r'"participants"\s*:\s*(?=\[)')
_DELETED = {"facebook user", "instagram user", "messenger user"}  # whoever has deleted their account
_GROUPS, _PAIRS = ("RegularGroup", "Group"), ("Regular",)
_decoder = json.JSONDecoder(strict=False)


class File(NamedTuple):
    """A file of a download."""

    path: PurePath
    open: Callable[[], BinaryIO]


Copies = dict[tuple[str, ...], "_Seen"]  # by the people of a thread


def read_downloads(
    files: Iterable[File], owner: Iterable[str] = (), elsewhere: Copies | None = None
) -> Iterator[Record]:
    """Yield what the threads of one or several downloads hold, each from its oldest message on.

    Args:
        owner: names by which the owner is known.
        elsewhere: what the sources hold that were read before; it gets what these hold. None: there are no others.

    Raises:
        SourceError: a file is damaged.
    """
    threads = _threads(files)
    about = {id: _listed(parts[-1]) for id, parts in threads.items()}
    may_be_me = [{*about[id].names} for id in threads if about[id].names]
    owners = set.intersection(*may_be_me) if may_be_me else set()
    known = {fold(name) for name in owner}
    owners = {name for name in set().union(*may_be_me) if fold(name) in known} or owners
    shared = {} if elsewhere is None else elsewhere
    for id in threads:
        if about[id].key and (elsewhere is not None or id.startswith(_ENCRYPTED)):
            shared.setdefault(about[id].key, _Seen())
    saying_you: Counter[str] = Counter()
    beside_title: set[str] = set()
    source = object()
    for id, parts in sorted(threads.items(), key=lambda thread: thread[0].startswith(_ENCRYPTED)):
        thread = _Thread(source, id, owners, shared.get(about[id].key) or _Seen(), saying_you)
        for file in parts:
            yield from thread.part(file)
        yield from thread.end()
        beside_title |= thread.beside_title()
    found = saying_you.keys() if len(saying_you) == 1 else beside_title
    if len(owners) != 1 and len(found) == 1:
        (name,) = found
        yield Person(name, name, is_me=True)


def is_thread(head: bytes) -> bool:
    """Tell by its beginning whether a JSON file is a thread of a download, whatever its name."""
    return is_encrypted_thread(head) or (b'"sender_name"' in head and b'"timestamp_ms"' in head)


def is_encrypted_thread(head: bytes) -> bool:
    """Tell by its beginning whether a JSON file is a thread of the end-to-end encrypted download."""
    return b'"threadName"' in head or (b'"participants"' in head and b'"senderName"' in head)


def _order(file: File) -> tuple[str, int]:
    number = MESSAGE_FILE.search(file.path.name)
    return str(file.path.parent if number else file.path), -int(
        number[1]
    ) if number else 0  # the last part is the oldest


def _threads(files: Iterable[File]) -> dict[str, list[File]]:
    """Return the files of each thread by its id: the number in its folder's name, since the name before it may change.

    A short number that folders of different names share says nothing: they are threads of their own. So are encrypted
    threads of one folder that have one name and other participants.
    """
    placed = [*_told_apart([(file, *_name_of(file)) for file in sorted(files, key=_order)])]
    folders: dict[str, set[str]] = {}
    for _, name, number in placed:
        folders.setdefault(number, set()).add(name)
    threads: dict[str, list[File]] = {}
    for file, name, number in placed:
        is_unique = len(number) >= UNIQUE_DIGITS or len(folders[number]) == 1
        threads.setdefault(number if number and is_unique else name, []).append(file)
    return threads


def _told_apart(placed: Sequence[tuple[File, str, str]]) -> Iterator[tuple[File, str, str]]:
    """Add the participants to the name of encrypted threads, if a folder has threads of this name of other people.

    The name is then told apart in every folder, so that two downloads at once give a thread one id.
    """
    listed: dict[tuple[PurePath, str], dict[PurePath, str]] = {}
    for file, name, _ in placed:
        if name.startswith(_ENCRYPTED):
            listed.setdefault((file.path.parent, name), {})[file.path] = " ".join(_listed(file).key)
    alike = {name for (_, name), people in listed.items() if len({*people.values()}) > 1}
    for file, name, number in placed:
        yield file, f"{name} {listed[file.path.parent, name][file.path]}" if name in alike else name, number


def _name_of(file: File) -> tuple[str, str]:
    """Return the name of a thread's folder or file, and the number at its end; empty if it has none.

    The encrypted download only counts its threads, differently each time: there, the name remains.
    A file that somebody renamed is a thread of its own.
    """
    path = file.path
    name, is_sure = path.parent.name, path.parent.parent.name in _PLACES
    if not MESSAGE_FILE.search(path.name):
        with file.open() as opened:
            if is_encrypted_thread(opened.read(HEAD_BYTES)):
                return f"{_ENCRYPTED}{_NUMBER.sub('', path.stem)}", ""
        name, is_sure = path.stem, False
    found = _NUMBER.search(name)
    number = found[1] if found else ""
    return name, number if is_sure or len(number) >= UNIQUE_DIGITS else ""


class _Listed(NamedTuple):
    """What the beginning of a file says."""

    names: tuple[str, ...] = ()
    key: tuple[str, ...] = ()  # the same for a thread in the ordinary and in the encrypted download


def _listed(file: File) -> _Listed:
    with file.open() as opened:
        head = opened.read(HEAD_BYTES).decode("utf-8", "replace")
    found = _PARTICIPANTS.search(head)
    try:
        value = _decoder.raw_decode(head, found.end())[0] if found else None
    except (ValueError, RecursionError):
        value = None
    names = _names(value)
    return _Listed(names, tuple(sorted(fold(name) for name in names)))


def _names(listed: object) -> tuple[str, ...]:
    """Return the names of participants: objects in the ordinary download, strings in the encrypted one."""
    found = (
        plain(one) if isinstance(one, str) else mend(one.get("name")) if isinstance(one, dict) else ""
        for one in (listed if isinstance(listed, list) else ())
    )
    return tuple(dict.fromkeys(filter(None, found)))


class _Copy(NamedTuple):
    """A folder that holds messages of a thread."""

    source: object  # that it belongs to
    thread: str
    folder: str

    def may_repeat(self, other: _Copy) -> bool:
        """Tell whether it may hold messages that another one has, of a thread of the same people."""
        if self.thread.startswith(_ENCRYPTED) != other.thread.startswith(_ENCRYPTED):
            return True
        return self.source is other.source and self.thread == other.thread  # in two sources, both have the same ids


class _Seen:
    """The messages of a thread that were read: eight bytes each, in sorted blocks. Another copy of it repeats them."""

    def __init__(self) -> None:
        self._blocks: dict[_Copy, list[tuple[int, int, array[int]]]] = {}  # by copy: first and last time, keys

    def near(self, copy: _Copy, first: int, last: int) -> tuple[list[array[int]], list[list[array[int]]]]:
        """Return the blocks of this copy, and those of each other one, that may hold messages of these times."""
        found = {
            name: [keys for begin, end, keys in blocks if begin <= last and first <= end]
            for name, blocks in self._blocks.items()
            if name == copy or name.may_repeat(copy)
        }
        return found.pop(copy, []), [blocks for blocks in found.values() if blocks]

    def add(self, copy: _Copy, first: int, last: int, keys: list[int]) -> None:
        self._blocks.setdefault(copy, []).append((first, last, array("q", sorted(keys))))


def _count(blocks: list[array[int]], key: int) -> int:
    return sum(bisect_right(keys, key) - bisect_left(keys, key) for keys in blocks)


class _Thread:
    """A thread while its parts are read."""

    def __init__(self, source: object, id: str, owners: set[str], seen: _Seen, saying_you: Counter[str]) -> None:
        self._source, self._id, self._seen, self._messages = source, id, seen, Messages(owners, saying_you)
        self._names: dict[str, None] = {}
        self._people: dict[str, str] = {}  # a name → a person's id
        self._senders: set[str] = set()
        self._about: dict[str, Any] = {}
        self._beside: Counter[str] = Counter()  # sentences that stand beside an attachment
        self._copies = 0

    def part(self, file: File) -> Iterator[Record]:
        """Yield the messages of a file."""
        copy = _Copy(self._source, self._id, str(file.path.parent))
        with file.open() as opened:
            data = opened.read(WHOLE_BYTES + 1)
            if len(data) <= WHOLE_BYTES:
                value = _decoded(data, file.path)
                del data
                messages = value.pop("messages", None)
                self._take(value)
                yield from self._window(messages if isinstance(messages, list) else [], copy)
                return
        with file.open() as opened:  # what is said of the thread may stand behind the messages
            stream = JsonStream(opened, file.path)  # type: ignore[arg-type]  # only shown
            about = {}
            for key in stream.members():
                if key == "messages":
                    stream.skip()
                else:
                    about[key] = stream.value()
            self._take(about)
        with file.open() as opened:
            stream = JsonStream(opened, file.path)  # type: ignore[arg-type]
            for key in stream.members():
                if key != "messages" or stream.peek() != "[":
                    stream.skip()
                    continue
                window: list[Any] = []
                for message in stream.values():
                    window.append(message)
                    if len(window) == WINDOW:
                        yield from self._window(window, copy)
                        window = []
                yield from self._window(window, copy)

    def end(self) -> Iterator[Record]:
        """Yield the thread."""
        about = self._about
        title = self._title()
        for name in self._names:
            yield from self._person(name)
        everybody = {*self._names, *self._senders}
        kind = about.get("thread_type")
        is_named = bool(title) and "title" in about and len(everybody) > 1 and title not in everybody
        is_group = kind in _GROUPS or len(everybody) > 2 or (
            kind not in _PAIRS and ("joinable_mode" in about or is_named)
        )  # fmt: skip
        members = tuple(self._people[name] for name in self._names)
        yield Thread(self._id, "group" if is_group else "dm", title, members)

    def _title(self) -> str:
        clean = self._messages.clean
        return clean(self._about.get("title")) or _NUMBER.sub("", clean(self._about.get("threadName")))

    def beside_title(self) -> set[str]:
        """Return who is in a chat of two that is called after the other: its owner."""
        title = self._title()
        everybody = {*self._names, *self._senders}
        return everybody - {title} if len(everybody) == 2 and title in everybody else set()

    def _take(self, about: dict[str, Any]) -> None:
        self._about |= about
        self._names |= dict.fromkeys(_names(about.get("participants")))

    def _person(self, name: str) -> Iterator[Person]:
        if name not in self._people:
            id = f"{name} of {self._id}" if name.casefold() in _DELETED else name
            self._people[name] = id
            yield Person(id, name)

    def _window(self, messages: list[Any], copy: _Copy) -> Iterator[Record]:
        """Yield messages in the order of time. The download has the newest first."""
        is_encrypted = "threadName" in self._about or any(isinstance(one, dict) and "senderName" in one
                                                          for one in messages[:1])  # fmt: skip
        if is_encrypted:
            self._messages.look_at(messages)
        read = self._messages.read
        found = [read(message) for message in messages]
        if not found or found[0].at >= found[-1].at:
            found.reverse()
        found.sort(key=itemgetter(0))
        for one in found if self._beside or any(map(itemgetter(6), found)) else ():  # whether any stands beside one
            if one.text and not one.reason and (one.beside or one.text in self._beside):
                self._beside[one.text] += 1 if one.beside else -1_000_000  # a person wrote it, without an attachment
        self._senders |= {one.sender for one in found if not one.reason}
        first, last = (found[0].at, found[-1].at) if found else (0, 0)
        same, others = self._seen.near(copy, first, last)
        keys: list[int] = []
        now: dict[int, int] = {}  # how many messages of this time are alike
        ids: dict[str, int] = {}
        before, thread, people, new = -1, self._id, self._people, tuple.__new__
        for one in found:
            at, sender, raw, text, media, reason, _, _, reactions = one
            if at != before:
                before = at
                now.clear()
                ids.clear()
            key = hash((at, text, len(media)))
            keys.append(key)
            id = f"{at} {crc32(f'{raw}{[kind for kind, _, _ in media]}'.encode() if media else raw.encode()):x}"
            n = now[key] = now.get(key, 0) + 1
            number = ids[id] = ids.get(id, 0) + 1
            if same or others:
                earlier = _count(same, key)
                number += earlier
                if others and n + earlier <= max(_count(blocks, key) for blocks in others):
                    yield from self._repeated(id, copy, one)
                    continue
            if number > 1:
                id = f"{id} {number}"
            if reason or not text or media or reactions or sender not in people or text in self._beside:
                yield from self._records(one, id)
            else:
                yield new(Said, (thread, id, people[sender], at, text, "", 0, ()))
        self._seen.add(copy, first, last, keys)

    def _repeated(self, id: str, copy: _Copy, one: Found) -> Iterator[Skipped]:
        """Yield a message that another copy of the thread has."""
        self._copies += 1
        for part in ("", *(f"reaction {number}" for number, _ in enumerate(one.reactions))):
            yield Skipped(self._id, f"{id} {copy.folder} {self._copies} {part}", "repeated")

    def _records(self, one: Found, id: str) -> Iterator[Record]:
        """Yield a message and its reactions, or why it is left out."""
        reason, text = one.reason, one.text
        if not reason and one.beside and self._beside[text] >= ALIKE and is_sentence(text):
            text = ""
        if not reason and not text and not one.media:
            text = one.link
            reason = "" if text else "empty"
        if reason:
            yield Skipped(self._id, id, reason)
            for number, _ in enumerate(one.reactions):
                yield Skipped(self._id, f"{id} reaction {number}", "reaction_without_target")
            return
        yield from self._person(one.sender)
        yield Said(self._id, id, self._people[one.sender], one.at, text, "", 0, one.media)
        seen = set()
        for number, given in enumerate(one.reactions):
            reaction = given if isinstance(given, dict) else {}
            who, emoji = self._messages.clean(reaction.get("actor")), self._messages.clean(reaction.get("reaction"))
            if not who or not emoji or (who, emoji) in seen:
                why = "reaction_superseded" if who and emoji else "undecodable"
                yield Skipped(self._id, f"{id} reaction {number}", why)
                continue
            seen.add((who, emoji))
            yield from self._person(who)
            yield Reacted(self._id, id, self._people[who], milliseconds(reaction.get("timestamp")) or one.at, emoji)


def _decoded(data: bytes, path: PurePath) -> dict[str, Any]:
    try:
        value = _decoder.decode(data.decode("utf-8", "replace").lstrip("\ufeff"))
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else "it is not JSON"
        raise SourceError(f"{path} is damaged: {why}.", hint="Download it again.") from None
    if not isinstance(value, dict):
        raise SourceError(f"{path} is damaged: it holds no thread.", hint="Download it again.")
    return value
