"""WhatsApp's text exports: every way in which a phone writes a date, and what the application says by itself."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ventriloquist.errors import SourceError
from ventriloquist.sources.export_records import Person, Said, Skipped, Thread
from ventriloquist.sources.whatsapp import Choice, TextExport, read_text_exports, title_of
from ventriloquist.sources.whatsapp_dates import decide
from ventriloquist.sources.whatsapp_text import Title
from ventriloquist.sources.whatsapp_words import (
    DELETED,
    DELETED_BY,
    ENCRYPTED,
    LIVE_LOCATION,
    MEDIA,
    VIEW_ONCE,
    WAITING,
)

PATH = Path("_chat.txt")

# how phones write a date and a time, as strftime would; {h} is the hour from 1 to 12
FORMATS = {
    "iPhone, Germany": "[{d:02}.{m:02}.{y:02}, {H:02}:{M:02}:{S:02}] ",
    "iPhone, United Kingdom": "[{d:02}/{m:02}/{Y}, {H:02}:{M:02}:{S:02}] ",
    "iPhone, United States": "[{m}/{d}/{y:02}, {h}:{M:02}:{S:02}\u202f{AM}] ",
    "iPhone, older": "[{m}/{d}/{y:02}, {h}:{M:02}:{S:02} {AM}] ",
    "iPhone, Sweden": "[{Y}-{m:02}-{d:02}, {H:02}:{M:02}:{S:02}] ",
    "iPhone, China": "[{Y}/{m}/{d} {下午}{h}:{M:02}:{S:02}] ",
    "iPhone, Spain": "[{d}/{m}/{y:02}, {H}:{M:02}:{S:02}] ",
    "iPhone, Denmark": "[{d:02}.{m:02}.{Y} {H:02}.{M:02}.{S:02}] ",
    "Android, Germany": "{d:02}.{m:02}.{y:02}, {H:02}:{M:02} - ",
    "Android, India": "{d:02}/{m:02}/{y:02}, {h}:{M:02} {am} - ",
    "Android, United States": "{m}/{d}/{y:02}, {h}:{M:02}\u202f{AM} - ",
    "Android, Spain": "{d}/{m}/{y:02}, {h}:{M:02} {a. m.} - ",
    "Android, Spain, no-break": "{d}/{m}/{y:02} {h}:{M:02}\u00a0{a. m.} - ",
    "Android, France": "{d:02}/{m:02}/{Y} à {H:02}:{M:02} - ",
    "Android, Netherlands": "{d:02}-{m:02}-{Y} {H:02}:{M:02} - ",
    "Android, Korea": "{Y}. {m}. {d}. {오후} {h}:{M:02} - ",
    "Android, Taiwan": "{Y}/{m}/{d} {下午}{h}:{M:02} - ",
    "Android, Japan": "{Y}/{m:02}/{d:02} {H:02}:{M:02} - ",
    "Android, Hungary": "{Y}. {m:02}. {d:02}. {H:02}:{M:02} - ",
    "Android, Egypt": "{d}/{m}/{Y}، {h}:{M:02} {م} - ",
    "iPhone, Thailand": "[{d}/{m}/{BE} {H:02}:{M:02}:{S:02}] ",
    "iPhone, Buddhist calendar": "[{m}/{d}/{BE} BE, {H:02}:{M:02}:{S:02}] ",
    "iPhone, Japanese calendar": "[{m}/{d}/R{R}, {H:02}:{M:02}:{S:02}] ",
    "iPhone, Taiwan, older": "[{y:02}/{m}/{d}, {h}:{M:02}:{S:02} {下午}] ",
    "iPhone, Japan": "[{Y}/{m:02}/{d:02} {H}:{M:02}:{S:02}] ",
    "iPhone, Korea": "[{Y}. {m}. {d}. {오후} {h}:{M:02}:{S:02}] ",
    "iPhone, marks": "\u200e[{d:02}.{m:02}.{y:02},\u200e {H:02}:{M:02}:{S:02}]\u200e ",
    "iPhone, Finland": "[{d}.{m}.{Y} klo {H}.{M:02}.{S:02}] ",
    "Android, Finland": "{d}.{m}.{Y} klo {H}.{M:02} - ",
    "Android, Indonesia": "{d:02}/{m:02}/{y:02} {H:02}.{M:02} - ",
    "Android, Bulgaria": "{d}.{m:02}.{y:02} г., {H}:{M:02} ч. - ",
    "Android, China": "{Y}年{m}月{d}日 {凌晨}{h}:{M:02} - ",
    "Android, Korea, words": "{Y}년 {m}월 {d}일 {오후} {h}:{M:02} - ",
    "Android, Portugal": "{d:02}/{m:02}/{Y}, {H:02}:{M:02} - ",
    "Android, South Africa": "{Y}/{m:02}/{d:02}, {H:02}:{M:02} - ",
    "Android, Sweden": "{Y}-{m:02}-{d:02} {H:02}:{M:02} - ",
    "Android, Sweden, older": "{Y}-{m}-{d}, {h}:{M:02} {fm} - ",
    "Android, Greece": "{d}/{m}/{y:02}, {h}:{M:02} {π.μ.} - ",
    "Android, Turkey": "{d:02}.{m:02}.{Y} {ÖÖ} {h}:{M:02} - ",
    "Android, Vietnam": "{H:02}:{M:02}, {d:02}/{m:02}/{Y} - ",
    "Android, seconds": "{d:02}/{m:02}/{Y}, {H:02}:{M:02}:{S:02} - ",
    "Arabic digits": "\u200f{d}\u200f/{m}\u200f/{Y}، {h}:{M:02}\u202f{م} - ",
    "iPhone, Arabic digits": "[{d}\u200f/{m}\u200f/{Y}، {h}:{M:02}:{S:02} {م}] ",
    "Persian digits": "{Y}/{m}/{d}،\u200f {H}:{M:02} - ",
    "old iPhone": "{d:02}.{m:02}.{y:02} {H:02}:{M:02}:{S:02}: ",
}
DIGITS = {
    "Arabic digits": "٠١٢٣٤٥٦٧٨٩", "iPhone, Arabic digits": "٠١٢٣٤٥٦٧٨٩", "Persian digits": "۰۱۲۳۴۵۶۷۸۹",
}  # fmt: skip
HALVES = {
    "AM": ("AM", "PM"), "am": ("am", "pm"), "a. m.": ("a. m.", "p. m."), "下午": ("上午", "下午"),
    "오후": ("오전", "오후"), "م": ("ص", "م"), "凌晨": ("凌晨", "下午"), "fm": ("fm", "em"), "π.μ.": ("π.μ.", "μ.μ."),
    "ÖÖ": ("ÖÖ", "ÖS"),
}  # fmt: skip


def stamp(pattern: str, at: datetime) -> str:
    halves = {name: words[at.hour >= 12] for name, words in HALVES.items()}
    for name, word in halves.items():
        pattern = pattern.replace(f"{{{name}}}", word)
    hour = at.hour % 12 or 12
    return pattern.format(
        d=at.day, m=at.month, y=at.year % 100, Y=at.year, H=at.hour, h=hour, M=at.minute, S=at.second,
        BE=at.year + 543, R=at.year - 2018,
    )  # fmt: skip


def read(text: str, title: str = "Ann", day_first: bool | None = None) -> list[Person | Thread | Said | Skipped]:
    file = TextExport(lambda: io.BytesIO(text.encode()), PATH, Title(title, bool(title)))
    return list(read_text_exports([file], Choice(UTC, day_first), []))  # type: ignore[arg-type]


def said(text: str, **options: object) -> list[tuple[str, str]]:
    return [(one.sender, one.text) for one in read(text, **options) if isinstance(one, Said)]  # type: ignore[arg-type]


def skipped(text: str) -> list[str]:
    return [one.reason for one in read(text) if isinstance(one, Skipped)]


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\u2028\u2029\ufeff\u200e\u200f<[0123456789"),
    min_size=1,
    max_size=40,
).filter(lambda text: text.strip(" \u00a0\u202f") != "" and not is_a_phrase(text))


def is_a_phrase(text: str) -> bool:
    plain = text.strip(" .。।\u00a0\u202f").casefold()
    return plain in DELETED | LIVE_LOCATION | MEDIA.keys() | {"null"} or plain.startswith(
        (*DELETED_BY, *WAITING, *VIEW_ONCE, *ENCRYPTED)
    )


@pytest.mark.parametrize("locale", FORMATS)
@settings(max_examples=20)
@given(data=st.data())
def test_a_history_in_any_format_is_read_as_it_was_written(locale: str, data: st.DataObject) -> None:
    pattern, digits = FORMATS[locale], str.maketrans("0123456789", DIGITS.get(locale, "0123456789"))
    at = datetime(2023, 1, 14, 0, 5, tzinfo=UTC)
    history, lines = [], []
    for _ in range(data.draw(st.integers(2, 12))):
        at += timedelta(minutes=data.draw(st.integers(1, 60 * 24 * 9)))
        sender, text = data.draw(st.sampled_from(["Ann", "~ Bo Li", "+49 151 234 56 78"])), data.draw(texts)
        more = data.draw(st.lists(texts, max_size=2))
        whole = "\n".join((text, *more))
        history.append((sender, whole, int(at.timestamp() * 1000)))
        lines.append(f"{stamp(pattern, at).translate(digits)}{sender}: {whole}\n")
    expected_order = pattern.index("{d") < pattern.index("{m")
    found = [
        (one.sender, one.text, one.sent_at)
        for one in read("".join(lines), day_first=expected_order)
        if isinstance(one, Said)
    ]
    assert found == history


def test_emoji_joiners_and_spaces_stay() -> None:
    text = "👩\u200d❤\ufe0f\u200d👩 \u200f שלום \u200e  "
    assert said(f"[15.05.23, 10:00:00] Ann: {text}\n") == [("Ann", text)]


def test_a_mark_before_a_header_does_not_hide_it() -> None:
    text = "\ufeff\u200e[15.05.23, 10:00:00] Ann: a\n\u200f\u200e[15.05.23, 10:00:01] Bo: b\r\n"
    assert said(text) == [("Ann", "a"), ("Bo", "b")]


def test_a_line_that_only_looks_like_a_header_belongs_to_the_text() -> None:
    assert said("15.05.23, 10:00 - Ann: see\n99.99.99, 99:99 - no\n1. milk\n2) eggs\n") == [
        ("Ann", "see\n99.99.99, 99:99 - no\n1. milk\n2) eggs")
    ]


def test_a_system_line_is_nobodys_message_and_a_sentence_like_one_is_somebodys() -> None:
    text = (
        "15.05.23, 10:00 - Messages and calls are end-to-end encrypted.\n"
        "15.05.23, 10:01 - Sam added Ann\n"
        "15.05.23, 10:01 - Sam changed the subject to “Ski: 2024”\n"
        "15.05.23, 10:02 - Sam: Sam added that to the list\n"
        "15.05.23, 10:03 - Sam: Missed voice call\n"
    )
    assert said(text) == [("Sam", "Sam added that to the list"), ("Sam", "Missed voice call")]
    assert skipped(text) == ["event", "event", "event"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("<Media omitted>", "file"), ("<Medien ausgeschlossen>", "file"), ("<media utelatt>", "file"),
        ("DOC-20230515-WA0006. (bestand bijgevoegd)", "file"), ("\u200eimage omitted", "photo"),
        ("\u200eBild weggelassen", "photo"), ("\u200evideo omitted", "video"), ("\u200eaudio omitted", "voice"),
        ("\u200esticker omitted", "sticker"), ("\u200e<attached: 00000012-PHOTO-2023-05-15-10-20-11.jpg>", "photo"),
        ("\u200e<Anhang: 00000013-STICKER-2023-05-15.webp>", "sticker"), ("<adjunto: 0014-AUDIO-2023.opus>", "voice"),
        ("IMG-20230515-WA0001.jpg (file attached)", "photo"), ("\u200ePTT-20230515-WA0002.opus (Datei angehängt)", "voice"),
        ("notes.pdf (archivo adjunto)", "file"), ("VID-20230515-WA0003.mp4 (quelque chose)", "video"),
    ],
)  # fmt: skip
def test_what_was_sent_is_known_by_its_kind(text: str, kind: str) -> None:
    (one,) = [one for one in read(f"15.05.23, 10:00 - Ann: {text}\n") if isinstance(one, Said)]
    assert (one.text, [media[0] for media in one.media]) == ("", [kind])


def test_a_caption_is_the_text() -> None:
    (one,) = [
        one
        for one in read("15.05.23, 10:00 - Ann: IMG-20230515-WA0001.jpg (file attached)\nlook: here\n")
        if isinstance(one, Said)
    ]
    assert (one.text, one.media) == ("look: here", (("photo", None, "IMG-20230515-WA0001.jpg"),))


@pytest.mark.parametrize(
    "text", ["This message was deleted", "\u200eYou deleted this message.", "Diese Nachricht wurde gelöscht."]
)
def test_a_deleted_message_is_skipped(text: str) -> None:
    assert skipped(f"15.05.23, 10:00 - Ann: {text}\n") == ["unsent"]


@pytest.mark.parametrize("mark", [" <This message was edited>", " \u200e<Diese Nachricht wurde bearbeitet>"])
def test_an_edited_message_loses_the_mark(mark: str) -> None:
    (one,) = [one for one in read(f"15.05.23, 10:00 - Ann: fixed{mark}\n") if isinstance(one, Said)]
    assert (one.text, one.edited_at) == ("fixed", 1)


@pytest.mark.parametrize(
    ("days", "order"),
    [
        ([(13, 1, 23)], "dmy"), ([(1, 13, 23)], "mdy"), ([(2023, 1, 2)], "ymd"),
        ([(1, 2, 23), (2, 2, 23), (3, 2, 23)], "dmy"),
        ([(1, 2, 23), (1, 3, 23), (1, 4, 23)], "mdy"),
        ([(5, 1, 23), (6, 1, 23), (1, 2, 23)], "dmy"),  # the other way it would run backwards
    ],
)  # fmt: skip
def test_the_order_of_a_date_follows_from_the_file(days: list[tuple[int, int, int]], order: str) -> None:
    assert decide([(str(a), str(b), str(c)) for a, b, c in days], [], None).order == order


def test_the_user_decides_on_dates_that_say_nothing() -> None:
    assert decide([("1", "2", "23")], [], False).order == "mdy"
    assert decide([("13", "2", "23")], [], False).order == "dmy"  # the file knows better


@pytest.mark.parametrize(
    ("name", "folder", "title"),
    [
        ("WhatsApp Chat with Ann Lee.txt", "", "Ann Lee"), ("WhatsApp Chat - Ski trip.zip", "", "Ski trip"),
        ("_chat.txt", "WhatsApp Chat - Ann.zip", "Ann"), ("_chat.txt", "", ""), ("Ann (2).txt", "", "Ann"),
        ("WhatsApp-Chat mit Zoë.txt", "", "Zoë"), ("Chat de WhatsApp con Luis.txt", "", "Luis"),
    ],
)  # fmt: skip
def test_a_chat_is_called_as_its_file_says(name: str, folder: str, title: str) -> None:
    assert title_of(name, folder) == title


def test_what_is_no_export_is_refused() -> None:
    with pytest.raises(SourceError, match="not a text export"):
        read("a shopping list\nmilk\n")
