"""Tapbacks: read those that arrived as texts, find the messages that they quote, and decide which ones stand.

An iPhone writes `Liked “see you”` in its own language to phones without tapbacks. Google Messages writes an emoji with
invisible marks around it. A text like these is a tapback only if it quotes an earlier message of its conversation.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby, islice
from operator import attrgetter
from typing import NamedTuple

from ventriloquist.collect.tapback_wordings import OBJECTS, WORDINGS
from ventriloquist.media import MediaKind, media_kind
from ventriloquist.records import ReactionKind
from ventriloquist.store import Connection, collected
from ventriloquist.store import messages as store
from ventriloquist.store.messages import StoredTapback

MAX_CHARACTERS = 32_768  # of a text that may be a tapback; a longer one was typed, or is an attack
MAX_EMOJI = 40  # characters of one emoji: families and flags take a dozen

# At least so many of a conversation's latest messages can be quoted: in full, and by their beginnings.
MAX_WHOLE = 50_000
MAX_BEGINNINGS = 10_000
MAX_ALIKE = 32  # messages with one head that are compared with a cut quote
HEADS = (32, 8, 2)  # lengths of the beginnings by which messages are found; a quote uses the longest that fits
MAX_BEGINNING = 256  # characters of a message that are kept to compare with cut quotes

BATCH = 1000
DERIVED_REASONS = ("reaction_removed", "reaction_superseded")


class TapbackText(NamedTuple):
    """A text read as a tapback. It is one only if its quote is found."""

    kind: ReactionKind
    emoji: str
    removed: int
    quote: str  # as `comparable` returns it; empty if it names an attachment
    is_cut: bool  # the quote is only the beginning of the message
    media: MediaKind | None  # the attachment it names


# Quotation marks and apostrophes in all forms, and invisible characters. Comparing texts ignores them.
_QUOTES, _APOSTROPHES = '"“”„‟«»‹›「」『』〝〞＂', "'’‘‚‛ʼ`´"
_UNSEEN = "\u00ad\u034f\u180e\u200b\u200c\u200e\u200f\u2060\ufeff\ufffc\ufffd" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)
_SPACES = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
_FOLD = str.maketrans(
    {**dict.fromkeys(_QUOTES, '"'), **dict.fromkeys(_APOSTROPHES, "'"), **dict.fromkeys(_UNSEEN + _SPACES)}
)
_GOOGLES = re.compile("([\u200b\u200c])([^\u200a-\u200c]{1,40})\\1")  # an emoji that is given, or taken back
_GOOGLES_AT_MOST = 300  # characters before the end of the emoji
_CUT = ("…", "...")


def without_marks(text: str) -> str:
    """Drop white space and invisible characters from a text, and write all quotation marks and apostrophes alike."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.translate(_FOLD)


def comparable(text: str) -> str:
    """Return the form in which quotes and messages are compared: `without_marks`, lower case, emoji without style."""
    return without_marks(text).replace("\ufe0f", "").lower()


class _Wording(NamedTuple):
    kind: ReactionKind
    removed: int
    before: str  # these three as `without_marks` returns them, in lower case
    between: str  # the emoji and the quote; empty without an emoji
    after: str


def _wording(kind: ReactionKind, removed: int, text: str) -> _Wording:
    folded = without_marks(text).lower()
    if "%e" not in folded:
        before, _, after = folded.partition("%s")
        return _Wording(kind, removed, before, "", after)
    before, _, rest = folded.partition("%e")
    if before.startswith("%s"):  # the quote comes first
        return _Wording(kind, removed, "", before.removeprefix("%s") + "%e", rest)
    between, _, after = rest.partition("%s")
    return _Wording(kind, removed, before, between, after)


_ALL = [
    _wording(kind, removed, text)
    for kind, both in WORDINGS.items()
    for removed, texts in enumerate(both)
    for text in texts
]
_START = 3  # characters by which wordings are looked up
_BY_START: dict[str, list[_Wording]] = {}
for _each in sorted(_ALL, key=lambda wording: (not wording.between, len(wording.before + wording.after)), reverse=True):
    _BY_START.setdefault(_each.before[:_START], []).append(_each)
_MEDIA = {without_marks(name).lower(): media for media, names in OBJECTS.items() for name in names}

# The ends of such texts. They are the first check of every message.
LAST_CHARACTERS = frozenset(_QUOTES + _APOSTROPHES + _SPACES + _UNSEEN + ".")
LAST_FOUR = frozenset(
    [text[-4:] for both in WORDINGS.values() for texts in both for text in texts if not text.endswith("%s")]
    + [name[-4:] for names in OBJECTS.values() for name in names]
)


def may_be_tapback(text: str) -> bool:
    """Tell quickly whether a text may be one that `read_tapback` reads, by its end."""
    return text[-1:] in LAST_CHARACTERS or text[-4:] in LAST_FOUR


def read_tapback(text: str) -> TapbackText | None:
    """Read a text as a tapback; return None if no phone writes one like it."""
    if len(text) > MAX_CHARACTERS:
        return None
    if text[-1:] == "." and not may_be_tapback(text[:-1]):  # the end of a sentence
        return None
    if (googles := _read_googles(text)) is not None:
        return googles
    folded = without_marks(text)
    if len(folded) < 3:
        return None
    if folded.endswith(".") and folded[-2] in "\"'":
        folded = folded[:-1]
    lower = folded.lower()
    if len(lower) != len(folded):
        folded = lower
    for length in range(_START, -1, -1):
        for wording in _BY_START.get(lower[:length], ()):
            if lower.startswith(wording.before) and lower.endswith(wording.after):
                found = _fill(wording, folded[len(wording.before) : len(folded) - len(wording.after)])
                if found is not None:
                    return None if found.media and _is_typed(folded) else found
    return None


def _is_typed(folded: str) -> bool:
    """Tell whether a person typed "liked a photo": phones begin with a capital, except in French."""
    return folded[0].islower() and not folded.startswith("a")


def _fill(wording: _Wording, middle: str) -> TapbackText | None:
    """Read the middle of a text, with the emoji and the quote, by a wording; None if it does not fit."""
    kind, removed, _, between, _ = wording
    if not between:
        return _quoting(kind, "", removed, middle) if kind != "emoji" else None
    if between.endswith("%e"):  # the quote comes first
        quote, mark, emoji = middle.rpartition(between.removesuffix("%e"))
        return _quoting(kind, emoji, removed, quote) if mark and is_emoji(emoji) else None
    lower = middle[: MAX_EMOJI + len(between) + 1].lower()
    for mark in ('"', "'", ""):
        at = lower.find(between + mark)
        if at > 0:
            emoji = middle[:at].strip("\"'")
            return _quoting(kind, emoji, removed, middle[at + len(between) :]) if is_emoji(emoji) else None
    return None


def _quoting(kind: ReactionKind, emoji: str, removed: int, quoted: str) -> TapbackText | None:
    """Return a tapback on a quote in marks or on a named attachment; None if it is neither."""
    named = quoted.lower()
    media = _MEDIA.get(f"#{named.lstrip('0123456789')}" if named[:1].isdecimal() else named)
    if media is not None:
        return TapbackText(kind, emoji, removed, "", is_cut=False, media=media)
    if len(quoted) < 3 or quoted[0] not in "\"'" or quoted[-1] not in "\"'":
        return None
    return _cut(kind, emoji, removed, quoted[1:-1])


def _cut(kind: ReactionKind, emoji: str, removed: int, quote: str) -> TapbackText | None:
    quote = comparable(quote)
    return TapbackText(kind, emoji, removed, quote, quote.endswith(_CUT), None) if quote else None


def _read_googles(text: str) -> TapbackText | None:
    """Read the invisible marks of Google Messages, which are the same in every language.

    The emoji stands between two zero-width spaces, or non-joiners when it is taken back, and the quote between hair
    spaces.
    """
    found = _GOOGLES.search(text, 0, _GOOGLES_AT_MOST)
    if found is None or not is_emoji(found[2]):
        return None
    pieces = text[found.end() :].rstrip("\n ").split("\u200a")
    quote = "\u200a".join(pieces[1:-2] if not pieces[-1] else pieces[1:-1])
    if not quote:
        return None
    return _cut("emoji", found[2], int(found[1] == "\u200c"), quote)


def is_emoji(text: str) -> bool:
    """Tell whether a text is one emoji or a few: pictures and what joins them, no letters."""
    if not 0 < len(text) <= MAX_EMOJI:
        return False
    is_keycap = "\u20e3" in text
    categories = {unicodedata.category(character) for character in text if character not in "‼⁉〰〽"}
    allowed = {"So", "Sk", "Sm", "Me", "Mn", "Cf"} | ({"Nd", "Po"} if is_keycap else set())
    pictures = {"So", "Sm"} & categories or is_keycap or any(character in "‼⁉〰〽" for character in text)
    return bool(pictures) and categories <= allowed and not text.isascii()


class Quotable:
    """The latest messages of a conversation. A full dictionary becomes the older one, which is dropped."""

    def __init__(self) -> None:
        self._whole: dict[int, str] = {}  # by the hash of the text
        self._older_whole: dict[int, str] = {}
        self._by_head: dict[str, list[tuple[str, str]]] = {}  # beginnings of messages, and their guids
        self._older_by_head: dict[str, list[tuple[str, str]]] = {}
        self._beginnings = 0
        self._media: dict[MediaKind, str] = {}

    def add(self, guid: str, text: str, media: Iterable[MediaKind]) -> None:
        """Add a message that is later than all before."""
        for kind in media:
            self._media.pop(kind, None)  # the latest is last
            self._media[kind] = guid
        compared = comparable(text)
        if not compared:
            return
        if len(self._whole) >= MAX_WHOLE:
            self._whole, self._older_whole = {}, self._whole
        self._whole[hash(compared)] = guid
        self._beginnings += 1
        if self._beginnings % MAX_BEGINNINGS == 0:
            self._by_head, self._older_by_head = {}, self._by_head
        beginning = (compared[:MAX_BEGINNING], guid)
        for length in HEADS:
            if len(compared) >= length:
                alike = self._by_head.setdefault(compared[:length], [])
                alike.append(beginning)
                if len(alike) > MAX_ALIKE:
                    del alike[0]

    def find(self, tapback: TapbackText) -> str | None:
        """Return the latest message that a tapback quotes."""
        if tapback.media is not None:
            if tapback.media == "file":  # "an attachment"
                return next(reversed(self._media.values()), None)
            return self._media.get(tapback.media)
        whole = hash(tapback.quote)
        found = self._whole.get(whole) or self._older_whole.get(whole)
        if found is not None or not tapback.is_cut:
            return found
        begins = tapback.quote.rstrip("….")[:MAX_BEGINNING]
        head = next((begins[:length] for length in HEADS if len(begins) >= length), None)
        if head is None:
            return None
        alike = [*self._older_by_head.get(head, ()), *self._by_head.get(head, ())]
        return next((guid for beginning, guid in reversed(alike) if beginning.startswith(begins)), None)


def move_text_tapbacks(db: Connection, conversations: Collection[int]) -> list[str]:
    """Turn the messages of some conversations that are tapbacks into tapbacks; return their guids."""
    moved: list[str] = []
    for conversation_id in sorted(conversations):
        found = list(_find_text_tapbacks(db, conversation_id))
        store.turn_into_tapbacks(db, found)
        moved += [guid for guid, *_ in found]
    return moved


def conversations_with_tapback_texts(db: Connection) -> set[int]:
    """Return the conversations with a message that reads like a tapback."""
    texts = store.texts_ending_with(db, LAST_CHARACTERS, LAST_FOUR)
    return {conversation for conversation, text in texts if read_tapback(text)}


def _find_text_tapbacks(db: Connection, conversation_id: int) -> Iterator[tuple[str, str, ReactionKind, str, int]]:
    """Yield the tapbacks of a conversation that arrived as texts, as `turn_into_tapbacks` takes them."""
    quotable = Quotable()
    for message in collected.messages(db, conversation_id):
        guid, text = message.guid, message.text or ""
        files = collected.attachments(db, guid) if message.has_attachments else []
        tapback = read_tapback(text) if not files and may_be_tapback(text) else None
        target = quotable.find(tapback) if tapback is not None else None
        if tapback is not None and target is not None:
            yield guid, target, tapback.kind, tapback.emoji, tapback.removed
        else:
            quotable.add(guid, text, [file.kind or media_kind(file.mime_type, None, file.filename) for file in files])


def derive_reactions(
    db: Connection,
    person_of: Callable[[StoredTapback], int | None],
    seen: Collection[str] | None,
) -> Counter[str]:
    """Derive `reactions` from all tapbacks ever read, and skip the other tapbacks.

    For each message, person and kind the newest row decides. Every sticker stands. Who reacted may be unknown (None).

    Returns:
        How many are skipped for each reason, and under an empty reason how many are not. Only the guids in `seen`
        count, or all if it is None.
    """
    store.clear_reactions(db, DERIVED_REASONS)
    counts: Counter[str] = Counter()
    by_target = groupby(store.tapbacks_by_target(db), key=attrgetter("target_guid"))
    judged = (verdict for _, group in by_target for verdict in _judge(list(group), person_of))
    while batch := list(islice(judged, BATCH)):
        store.insert_reactions(db, [(row, who) for row, who, why in batch if not why])
        store.insert_skipped(db, [(row.guid, why) for row, _, why in batch if why])
        counts.update(why for row, _, why in batch if seen is None or row.guid in seen)
    return counts


def _judge(
    tapbacks: list[StoredTapback], person_of: Callable[[StoredTapback], int | None]
) -> Iterator[tuple[StoredTapback, int | None, str]]:
    """Yield each tapback of one message, who gave it, and why it does not stand; empty if it does."""
    people = [person_of(tapback) for tapback in tapbacks]
    reasons = [""] * len(tapbacks)
    standing: dict[tuple[int | None, str], list[int]] = {}
    for place, (tapback, person_id) in enumerate(zip(tapbacks, people, strict=True)):
        before = standing.setdefault((person_id, tapback.kind), [])
        if tapback.removed:
            reasons[place] = "reaction_removed"
            if before:  # of several stickers, the last
                reasons[before.pop()] = "reaction_removed"
        else:
            if before and tapback.kind != "sticker":
                reasons[before.pop()] = "reaction_superseded"
            before.append(place)
    yield from zip(tapbacks, people, reasons, strict=True)
