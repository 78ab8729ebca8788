"""What a text in WhatsApp's exports is: words, a file, or something that the application says; and a chat's title."""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Literal, NamedTuple
from urllib.parse import unquote

from ventriloquist.media import MediaKind, media_kind
from ventriloquist.sources.export_records import Media, Person
from ventriloquist.sources.whatsapp_dates import MARKS
from ventriloquist.sources.whatsapp_words import (
    ATTACHED,
    DELETED,
    DELETED_BY,
    EDITED,
    ENCRYPTED,
    ENCRYPTED_IN_ENGLISH,
    GENERATED,
    GROUP,
    LIVE_LOCATION,
    MEDIA,
    MISSED_CALLS,
    SYSTEM_ENDINGS,
    SYSTEM_VERBS,
    TITLES,
    VIEW_ONCE,
    WAITING,
)

MOST_TITLE = 200
LONGEST_PHRASE = 160  # characters of what is compared with a list
_DIRECTIONS = "\u200e\u200f"
_BLANK = MARKS + " \u00a0\u202f\n"
_STRIPPED = frozenset(_BLANK + "<")  # with which a text of the application's may begin
_ENDS_OF_FILES = frozenset(">)" + _DIRECTIONS)  # with which the words for a file may end
_UNMARKED_CALL = re.compile(
    r"missed (?:group )?(?:voice|video) call(?:, tap to call back| at \d[\d:. apm\u202f]{2,12})?|"
    r"(?:voice|video) call, (?:no answer|tap to call back|\d+ (?:sec|min|hr)s?)"
)

_FILE = r"[^\n<>]{1,200}\.\w{1,5}"
_UNNAMED = r"DOC-\d{8}-WA\d+\."  # a document without an ending
_EDITED = re.compile(rf"[ \u00a0]?[{_DIRECTIONS}]?<[{_DIRECTIONS}]?([^<>\n]{{5,60}})>\Z")
_TAGGED = re.compile(rf"<\s?[{_DIRECTIONS}]?([^<>:：\n]{{2,30}}?)\s?[:：]\s?[{_DIRECTIONS}]?({_FILE})\s?>")
_OLD_TAGGED = re.compile(rf"[{_DIRECTIONS}]?({_FILE}) <[{_DIRECTIONS}]?([^<>:\n]{{2,30}})>")
_ATTACHED = re.compile(
    rf"[{_DIRECTIONS}]*({_FILE}|{_UNNAMED})[{_DIRECTIONS}]* \([{_DIRECTIONS}]?([^()\n]{{2,60}})\)[{_DIRECTIONS}]?"
)
_MEDIA_NAME = re.compile(r"(?:IMG|VID|AUD|PTT|STK|DOC)-\d{8}-WA\d+\.\w*")
_NUMBERED = re.compile(r"\d{3,}-")
_DOCUMENT = re.compile(rf"({_FILE})(?: • [^\n]{{1,40}})?")
_DOCUMENT_NAME = re.compile(
    r"[^\n/\\]{1,150}\.(?:pdf|docx?|xlsx?|pptx?|odt|ods|odp|txt|csv|zip|rar|7z|apk|vcf|epub)", re.IGNORECASE
)
_MAP = re.compile(r"[^\n:：]{1,40}[:：]? https://maps\.google\.com/\?q=-?\d+(?:\.\d+)?,-?\d+(?:\.\d+)?\s?")
_PLACE = re.compile(r"[^\n]{0,300}\n?[^\n]{0,300}: https://foursquare\.com/v/[0-9a-f]{10,40}\s?")
_POLL = re.compile(rf"[{_DIRECTIONS}]?[^\W\d_]{{3,12}}(?: [^\W\d_]{{1,10}})?\s?[:：]")
_OPTION = re.compile(
    rf"[{_DIRECTIONS}]?([^\W\d_]{{2,14}})\s?[:：] [^\n]*\([^()\n]{{0,12}}\d[^()\n]{{0,20}}\)[{_DIRECTIONS}]?"
)
_NUMBER = re.compile(r"\+[\d\s().\-\u00a0\u2010\u2011]{7,25}")
_ASKED = re.compile(r"[?!,;？！]")
_COPY = re.compile(r"\s?\(\d{1,3}\)\Z")
_TITLES = [re.compile(pattern, re.IGNORECASE) for pattern in TITLES]
_NOT_WORDS = re.compile(r"[\W_]+")


class Title(NamedTuple):
    """A chat's title."""

    text: str  # empty: nothing says it
    is_sure: bool  # the application has written it, not a person who named the file


Content = tuple[str, int, Media]  # text, when it was edited (1: unknown when), files
Language = Literal["", "English", "another"]  # of what the application says; empty: unknown


def language_of(text: str) -> tuple[Language, bool]:
    """Return the language of a text that only the application writes, empty if it is none; and whether it is sure.

    A placeholder for a file may have been typed. The sentence about encryption is sure.
    """
    whole = _fold(text[:LONGEST_PHRASE])
    if whole.startswith(ENCRYPTED):
        return "English" if whole.startswith(ENCRYPTED_IN_ENGLISH) else "another", True
    return _placeholder_language(whole[1:-1] if whole[:1] == "<" and whole[-1:] == ">" else whole), False


def _placeholder_language(whole: str) -> Language:
    if whole not in MEDIA:
        return ""
    return "English" if whole.endswith(" omitted") else "another"


def content(  # noqa: PLR0911, PLR0912  # a decision a line
    text: str, is_bracketed: bool, name: str = "", unmarked: Language = "", is_silent: bool = False
) -> Content | str:
    """Decide what somebody's text is: its words and files, or the reason why it is skipped.

    Args:
        is_bracketed: an iPhone wrote the file. It puts a mark of direction before what the application says.
        name: of the sender.
        unmarked: the file has lost its marks, and the application speaks this language in it.
        is_silent: nobody types anything under this name: it may be the group's.
    """
    if not text or (not text[0].isalnum() and not text.strip(MARKS + " \t\n\u00a0")):
        return "empty"
    edited = 0
    first, last = text[0], text[-1]
    if (
        first not in _STRIPPED
        and last not in _ENDS_OF_FILES
        and "\n" not in text
        and "\u200e" not in text
        and "https://" not in text
        and not unmarked
        and (is_bracketed or text[:3].casefold()[:3] not in _PHRASES_BEGIN)
    ):
        return text, 0, ()  # most texts
    if last == ">" and (found := _EDITED.search(text, max(0, len(text) - 70))) and _fold(found[1]) in EDITED:
        text, edited = text[: found.start()], 1
        if not text:
            return "empty"
        last = text[-1]
    first = text[0]
    is_marked = first in _DIRECTIONS
    if len(text) > LONGEST_PHRASE and not is_marked and first != "<" and last not in ">)" and "\u200e" not in text:
        return "poll" if "\n" in text and _is_poll(text) else (text, edited, ())
    if media := _media(text, first, unmarked):
        caption, files = media
        return caption, edited, files
    whole = _fold(text) if len(text) <= LONGEST_PHRASE * 2 else ""
    if is_marked or unmarked or not is_bracketed:
        if reason := _placeholder(text, whole, is_bracketed):
            return reason
        if whole.startswith(VIEW_ONCE) and ". " in whole and "?" not in whole:  # where it can be opened follows
            return "", edited, ((None, None, None),)
    elif _MAP.fullmatch(text):
        return "location"
    if "\n" in text and _is_poll(text):
        return "poll"
    if (is_marked or unmarked) and (reason := _generated(whole, name, is_bracketed, is_marked, is_silent)):
        return reason
    if (is_marked or unmarked) and whole.startswith(ENCRYPTED):
        return "event"
    return text, edited, ()


def _fold(text: str) -> str:
    return text.strip(_BLANK).removesuffix(".").removesuffix("。").removesuffix("।").casefold()


def _placeholder(text: str, whole: str, is_bracketed: bool) -> str:
    """Return the reason to skip what stands for something that is not words; empty if it is words."""
    if whole in DELETED or (whole.startswith(DELETED_BY) and not _ASKED.search(whole)):  # behind it stands a name
        return "unsent"
    if whole.startswith(WAITING):
        rest = min((whole.removeprefix(words) for words in WAITING), key=len)
        if rest[:1] != " ":  # else a sentence goes on: "Waiting for this message to arrive"
            return "undecodable"
    if whole in LIVE_LOCATION or _MAP.fullmatch(text) or _PLACE.fullmatch(text):
        return "location"
    if not is_bracketed and text == "null":  # Android, for what shows once
        return "empty"
    return ""


def _generated(whole: str, name: str, is_bracketed: bool, is_marked: bool, is_silent: bool) -> str:
    """Return the reason to skip what the application says in somebody's name; empty if it is words."""
    if not is_marked:
        return "call" if whole in MISSED_CALLS or _UNMARKED_CALL.fullmatch(whole) else ""
    for reason, beginnings in GENERATED.items():
        if whole.startswith(beginnings):
            return reason
    if any(ending in whole for ending in SYSTEM_ENDINGS):
        return "event"
    if is_bracketed and (is_silent or whole.startswith(f"{_fold(name)} ")):
        return "event"
    return ""


def _is_poll(text: str) -> bool:
    first, _, rest = text.partition("\n")
    if not _POLL.fullmatch(first):
        return False
    options = [found[1] for line in rest.split("\n", 40)[:40] if (found := _OPTION.fullmatch(line[:300]))]
    return len(options) > 1 and len(set(options)) == 1


def _media(text: str, first: str, unmarked: Language) -> tuple[str, Media] | None:  # noqa: PLR0911  # a form a line
    """Return what was written with a file, and the file."""
    line, newline, caption = text.partition("\n")
    plain = line.strip(_DIRECTIONS + " ")
    if plain[:1] == "<" and plain[-1:] == ">":
        inner = _fold(plain[1:-1])
        if kind := MEDIA.get(inner):
            if _DOCUMENT_NAME.fullmatch(caption):  # a document is called so, nobody typed it
                return "", ((kind, None, caption),)
            return caption, ((kind, None, None),)
        if (found := _TAGGED.fullmatch(plain)) and _is_tag(found, first in _DIRECTIONS):
            return caption, (_file(found[2]),)
    if (end := len(text) if text[-1] == ">" else len(line)) and text[end - 1] == ">":
        place = text.rfind("<", 0, end)
        before = text[: max(0, place)]
        if (found := _TAGGED.fullmatch(text, max(0, place), end)) and _is_tag(found, before[-1:] in (*_DIRECTIONS,)):
            before = before.removesuffix("\u200e").removesuffix("\u200f").removesuffix(" ")
            bare = _NUMBERED.sub("", found[2], count=1)
            if before.strip(_DIRECTIONS).startswith((bare, found[2])) and "\n" not in before:
                before = ""  # a document's name
            after = text[end + 1 :]
            return "\n".join(part for part in (before, after) if part), (_file(found[2]),)
        if not newline and (found := _OLD_TAGGED.fullmatch(text)) and _fold(found[2]) in ATTACHED:
            return "", (_file(found[1]),)
    if line.rstrip(_DIRECTIONS)[-1:] == ")" and (found := _ATTACHED.fullmatch(line)):
        name = found[1].strip(MARKS)
        if _fold(found[2]) in ATTACHED or _MEDIA_NAME.fullmatch(name):
            return "" if caption == name else caption, (_file(name),)
    return _omitted(text, unmarked)


def _omitted(text: str, unmarked: Language) -> tuple[str, Media] | None:
    """Read an iPhone's words for a file that was left out: `caption ‎image omitted`."""
    before, mark, tail = text.rpartition("\u200e")
    if not mark and text[0] == "\u200f":
        before, mark, tail = "", "\u200f", text[1:]
    if mark:
        phrase = _fold(tail)
        kind = MEDIA.get(phrase)
    elif unmarked and len(text) <= LONGEST_PHRASE and "\n" not in text:
        phrase = _fold(text)
        kind = MEDIA.get(phrase) if _placeholder_language(phrase) == unmarked else None
        if kind is None and phrase not in MEDIA:  # a document, with its name before the words
            place = max((phrase.rfind(f" {words}") for words in _DOCUMENTS if phrase.endswith(f" {words}")), default=-1)
            before, kind = text[:place], "file" if place > 0 else None
            if kind and not _DOCUMENT.fullmatch(before.strip(MARKS + " ")):
                kind = None
    else:
        return None
    if kind is None:
        return None
    caption = before.removesuffix(" ")
    if kind == "file" and (found := _DOCUMENT.fullmatch(caption.replace("\u200e", "").strip())):
        return "", ((kind, None, found[1]),)
    return ("" if not caption.strip(MARKS + " ") else caption), ((kind, None, None),)


# how the phrases begin that count without a mark of direction before them
_PHRASES_BEGIN = frozenset(words[:3] for words in (*DELETED, *DELETED_BY, *WAITING, *LIVE_LOCATION, *VIEW_ONCE, "null"))
_DOCUMENTS = frozenset(words for words, kind in MEDIA.items() if kind == "file")


def _is_tag(found: re.Match[str], is_marked: bool) -> bool:
    return is_marked or _NUMBERED.match(found[2]) is not None or _fold(found[1]) in ATTACHED


def _file(name: str) -> tuple[MediaKind | None, str | None, str | None]:
    name = name.strip(MARKS + " ")
    if "STICKER" in name or name.startswith("STK-"):
        return "sticker", None, name
    if "-GIF-" in name:
        return "photo", None, name
    return media_kind(None, None, name), None, name


def opens_a_quote(name: str) -> bool:
    """Tell whether a quotation begins in what stands before a colon: `Ann changed the subject to "Ski: 2024"`."""
    return (
        (name.count('"') % 2 == 1 and '"' in name)
        or any(name.count(a) > name.count(b) for a, b in ("“”", "«»", "「」"))
        or ("„" in name and not ("“" in name.partition("„")[2] or "”" in name.partition("„")[2]))
    )


def is_about_somebody(name: str, names: Container[str]) -> bool:
    """Tell whether what stands before a colon begins a line of the application's: `Ann added Shop: Berlin`."""
    return any(
        verb in name and (name.partition(verb)[0] in names or verb.isascii()) for verb in SYSTEM_VERBS[:5]
    ) or any(name.partition(verb)[0] in names for verb in SYSTEM_VERBS[5:] if verb in name)


def says_group(text: str) -> bool:
    """Tell whether the application speaks of a group."""
    plain = text[:300].casefold()
    return any(word in plain for word in GROUP)


def number_of(name: str) -> str:
    """Return the telephone number that stands for a person, or nothing if they have a name."""
    plain = name.removeprefix("~").strip(MARKS + " \u00a0\u202f")
    if not _NUMBER.fullmatch(plain):
        return ""
    digits = "".join(str(int(char)) for char in plain if char.isdecimal())
    return f"+{digits}" if len(digits) >= 7 else ""


def person_of(name: str) -> Person:
    return Person(name, name.removeprefix("~").strip("\u202f\u00a0 ") or name, number_of(name))


def alike(name: str, title: str) -> bool:
    """Tell whether a title is a person's name. Names of files lack some characters."""
    a, b = (text.strip(MARKS + " ~\u00a0\u202f").casefold() for text in (name, title))
    if not a or not b:
        return False
    return a == b or (_NOT_WORDS.sub("", a) == _NOT_WORDS.sub("", b) != "")


def title_of(name: str, folder: str = "") -> str:
    """Return a chat's title out of the name of its file, else of its zip or folder; empty if neither names it."""
    return titled(name, folder).text


def titled(name: str, folder: str = "") -> Title:
    """Return a chat's title, and how well it is known."""
    stem = _COPY.sub("", re.sub(r"\.(?:txt|zip)\Z", "", name, flags=re.IGNORECASE))
    if "%20" in stem:
        stem = unquote(stem)
    if stem.strip("_ ").casefold() in ("chat", ""):
        return titled(folder) if folder else Title("", False)
    for candidate in (stem, stem.replace("_", " ")):
        for pattern in _TITLES:
            if found := pattern.fullmatch(candidate):
                title = found[1].strip(MARKS + " ")[:MOST_TITLE]
                return Title(title, True)
    return Title(stem.strip()[:MOST_TITLE], False)


def is_chat_zip(name: str) -> bool:
    """Tell whether a zip is called as an iPhone calls the zip of a chat."""
    return titled(name).is_sure
