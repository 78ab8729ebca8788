"""WhatsApp's text exports as whole chats: who writes, what is words, in which order, and what kind of chat it is."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ventriloquist.errors import SourceError
from ventriloquist.records import SourceMessage, SourceSkipped
from ventriloquist.sources.export_records import Person, Record, Said, Skipped, Thread
from ventriloquist.sources.exports import Asked, open_export
from ventriloquist.sources.whatsapp import Choice, TextExport, read_text_exports, titled

LRM = "\u200e"
HEAD = "[18.03.22, 14:56:01] "


def read(text: str, name: str = "_chat.txt", *, day_first: bool | None = None, zone: str = "UTC") -> list[Record]:
    file = TextExport(lambda: io.BytesIO(text.encode()), Path(name), titled(name))
    return list(read_text_exports([file], Choice(ZoneInfo(zone), day_first), []))


def said(text: str, name: str = "_chat.txt") -> list[tuple[str, str]]:
    return [(one.sender, one.text) for one in read(text, name) if isinstance(one, Said)]


def reasons(text: str, name: str = "_chat.txt") -> list[str]:
    return [one.reason for one in read(text, name) if isinstance(one, Skipped)]


def times(text: str, **options: object) -> list[str]:
    found = [one.sent_at for one in read(text, **options) if isinstance(one, Said)]  # type: ignore[arg-type]
    return [datetime.fromtimestamp(at / 1000, UTC).isoformat()[:19] for at in found]


def thread(text: str, name: str) -> tuple[str, str]:
    (found,) = [(one.type, one.title) for one in read(text, name) if isinstance(one, Thread)]
    return found


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("3/6/18, 1:55 p.m. - ", "2018-06-03T13:55:00"), ("03-06-2018, 01.55 PM - ", "2018-06-03T13:55:00"),
        ("13.06.18 21.25.15: ", "2018-06-13T21:25:15"), ("[06.13.18 21:25:15] ", "2018-06-13T21:25:15"),
        ("13.6.2018 klo 21.25.15 - ", "2018-06-13T21:25:15"), ("13. 6. 2018. 21:25:15 ", "2018-06-13T21:25:15"), ("13. 6. 2018 v 21:25 - ", "2018-06-13T21:25:00"),
        ("\u200e[3/6/18 1:55:00 p. m.] ", "2018-06-03T13:55:00"), ("[2018/06/13, 21:25:15] ", "2018-06-13T21:25:15"),
        ("[06/2018/13, 21:25:15] ", "2018-06-13T21:25:15"), ("3/6/18, 1:55 PM - ", "2018-03-06T13:55:00"),
        ("6/20/2020, 00:08 a. m. - ", "2020-06-20T00:08:00"), ("6/20/2020, 12:08 a.m. - ", "2020-06-20T00:08:00"),
        ("2023/2/3 中午12:30 - ", "2023-02-03T12:30:00"), ("2023/2/3 中午1:30 - ", "2023-02-03T13:30:00"),
        ("2023/2/3 凌晨12:05 - ", "2023-02-03T00:05:00"), ("2023/2/3 晚上8:05 - ", "2023-02-03T20:05:00"),
        ("20/1/2, 15:04 - ", "2020-01-02T15:04:00"), ("2020-1-2 13:05 - ", "2020-01-02T13:05:00"),
        ("1.2.2020, 13:05 - ", "2020-02-01T13:05:00"), ("13/1/20, 24:05 - ", "2020-01-13T00:05:00"),
        ("[3/18/2565 BE, 14:56:01] ", "2022-03-18T14:56:01"), ("18/3/2565 14:56 - ", "2022-03-18T14:56:00"),
        ("[3/18/R4, 14:56:01] ", "2022-03-18T14:56:01"), ("[18/3/H30, 14:56:01] ", "2018-03-18T14:56:01"),
        ("۱۴۰۱/۱۲/۳،\u200f ۱۴:۵۶ - ", "2023-02-22T14:56:00"), ("1403/12/30, 10:00 - ", "2025-03-20T10:00:00"),
        ("[14:56, 3/18/2022] ", "2022-03-18T14:56:00"), ("\u200f١٨\u200f/٣\u200f/٢٠٢٢، ٢:٥٦ م - ", "2022-03-18T14:56:00"),
        ("18/3/22, 2:56 μ.μ. - ", "2022-03-18T14:56:00"), ("18/3/22, 2:56 אחה״צ - ", "2022-03-18T14:56:00"),
        ("18/3/22, 2:56\u202fda tarde - ", "2022-03-18T14:56:00"), ("18/3/22 2:56 CH - ", "2022-03-18T14:56:00"),
        ("18.03.22 Uhr 14:56 - ", "2022-03-18T14:56:00"), ("18/03/2022 14:56 -\u200e ", "2022-03-18T14:56:00"),
        ("2022-03-18 14 h 56 - ", "2022-03-18T14:56:00"), ("[2022-03-18, 14\u202fh\u202f56\u202fmin\u202f08\u202fs] ", "2022-03-18T14:56:08"),
        ("2022-03-18, 02 h 56 p.m. - ", "2022-03-18T14:56:00"), ("18/3/22, 2:56 m.d. - ", "2022-03-18T14:56:00"),
        ("18/3/22, 2:56 p.d. - ", "2022-03-18T02:56:00"), ("18/3/22, 2:56 GD - ", "2022-03-18T14:56:00"),
        ("18/3/22, අපව 2:56 - ".replace("අපව", "ප.ව."), "2022-03-18T14:56:00"), ("18/3/22, 2:56 ድ.ቀ. - ", "2022-03-18T14:56:00"),
        ("[18/03/2022, 14:56:01]\u200e ", "2022-03-18T14:56:01"), ("18/3/2022 à 14:56 – ", "2022-03-18T14:56:00"),
    ],
)  # fmt: skip
def test_a_single_line_in_any_locale_is_dated(head: str, expected: str) -> None:
    assert times(f"{head}Ann: hi\n") == [expected]
    assert said(f"{head}Ann: hi\n") == [("Ann", "hi")]


@pytest.mark.parametrize("line", [
    "2016-04-29 10:30:00", "2016-04-29 10:30:00 INFO: started", "[05.05.20, 10:00:00] Bo: pasted", "10:30 - lunch: 12:00",
    "31.02.23, 10:00 - Bo: no such day", "1/2/20: a list", "1.5 - 2: x", "12/12/2020", "99/99/99, 10:00 - Bo: x",
])  # fmt: skip
def test_a_line_in_a_text_that_looks_like_a_head_stays_in_the_text(line: str) -> None:
    before = "".join(f"{day}.05.23, 10:00 - Ann: {day}\n" for day in range(13, 27))
    assert said(f"{before}27.05.23, 10:00 - Ann: see\n{line}\n")[-1] == ("Ann", f"see\n{line}")


def test_an_assumed_order_of_dates_is_said_with_its_remedy() -> None:
    notes: list[str] = []
    file = TextExport(lambda: io.BytesIO(b"03/02/17, 18:42 - Luke: hi\n"), Path("c.txt"), titled("c.txt"))
    list(read_text_exports([file], Choice(UTC), notes))
    assert "day, month, year" in notes[0]
    assert "--month-first" in notes[0]


def test_the_other_files_of_an_export_decide_what_one_does_not_say() -> None:
    texts = {"a.txt": b"1/2/20, 13:00 - Ann: a\n", "b.txt": b"1/25/20, 13:00 - Bo: b\n"}
    files = [TextExport(partial(io.BytesIO, data), Path(name), titled(name)) for name, data in texts.items()]
    notes: list[str] = []
    found = [one.sent_at for one in read_text_exports(files, Choice(UTC), notes) if isinstance(one, Said)]
    assert datetime.fromtimestamp(found[0] / 1000, UTC).month == 1
    assert "other files" in notes[0]
    assert "--day-first" in notes[0]


def test_an_order_that_nothing_says_is_day_first_and_can_be_given() -> None:
    assert times("1/2/20, 13:00 - Ann: a\n") == ["2020-02-01T13:00:00"]
    assert times("1/2/20, 13:00 - Ann: a\n", day_first=True) == ["2020-02-01T13:00:00"]
    assert times("1/2/20, 13:00 - Ann: a\n", day_first=False) == ["2020-01-02T13:00:00"]


@pytest.mark.parametrize(("head", "words", "month", "reason"), [
    ("1/2/24, 3:04 PM - ", "<Media omitted>", 1, "those of the United States"),
    ("1/2/24, 3:04 PM - ", "hi", 1, "those of the United States"),
    ("1/2/24, 3:04 PM - ", "<Multimedia omitido>", 2, "WhatsApp speaks another language"),
    ("1/2/24, 3:04 PM - ", "<Medien ausgeschlossen>", 2, "WhatsApp speaks another language"),
    ("[1/2/24, 3:04:05 PM] ", f"{LRM}image omise", 2, "WhatsApp speaks another language"),
    ("[1/2/24, 3:04:05 PM] ", f"{LRM}Nachrichten und Anrufe sind Ende-zu-Ende-verschlüsselt.", 2, "another language"),
    ("[1/2/24, 3:04:05 PM] ", f"{LRM}image omitted", 1, "those of the United States"),
    ("1/2/2024, 3:04 pm - ", "<Media omitted>", 2, "only phones in the United States"),
    ("01/02/24, 3:04 PM - ", "<Media omitted>", 2, "a zero"),
    ("1/2/24, 15:04 - ", "<Media omitted>", 2, "only phones in the United States"),
])  # fmt: skip
def test_the_way_of_writing_and_the_language_decide_what_dates_leave_open(
    head: str, words: str, month: int, reason: str
) -> None:
    notes: list[str] = []
    file = TextExport(
        lambda: io.BytesIO(f"{head}Ann: hi\n{head}Bo: {words}\n".encode()), Path("c.txt"), titled("c.txt")
    )
    found = [one for one in read_text_exports([file], Choice(UTC), notes) if isinstance(one, Said)]
    assert datetime.fromtimestamp(found[0].sent_at / 1000, UTC).month == month
    (note,) = notes
    assert reason in note
    assert note.endswith(". If not: --month-first" if month == 2 else ". If not: --day-first")


def test_many_files_with_dates_that_are_sure_are_said_in_one_line() -> None:
    notes: list[str] = []
    texts = [b"[13.01.20, 13:00:00] Ann: a\n"] * 6 + [b"[1.2.20, 13:00:00] Ann: a\n"]
    files = [
        TextExport(partial(io.BytesIO, text), Path(f"{number}.zip/_chat.txt"), titled(f"{number}.zip"))
        for number, text in enumerate(texts)
    ]
    list(read_text_exports(files, Choice(UTC), notes))
    assert notes[0] == "6 files: dates are read as day, month, year."
    assert notes[1].startswith("6.zip/_chat.txt: dates are taken as day, month, year: the other files")
    assert len(notes) == 2


def test_dates_that_are_the_same_in_both_orders_need_no_assumption() -> None:
    notes: list[str] = []
    file = TextExport(lambda: io.BytesIO(b"3/3/21, 12:00 - Ann: hi\n"), Path("c.txt"), titled("c.txt"))
    list(read_text_exports([file], Choice(UTC), notes))
    assert notes == ["c.txt: dates are read as day, month, year."]


def test_dates_of_an_unknown_calendar_are_refused_with_a_remedy() -> None:
    with pytest.raises(SourceError, match="calendar") as error:
        read("18/8/1443, 14:56 - Ann: a\n")
    assert "Gregorian" in error.value.hint


def test_two_digits_that_never_change_are_the_year() -> None:
    text = "".join(f"20/1/{day}, 13:00 - Ann: a\n" for day in (12, 13, 14)) + "20/2/10, 13:00 - Ann: b\n"
    assert times(text) == ["2020-01-12T13:00:00", "2020-01-13T13:00:00", "2020-01-14T13:00:00", "2020-02-10T13:00:00"]


def test_rows_come_out_in_the_order_of_time_and_equal_times_in_the_order_of_the_file() -> None:
    text = "13/1/20, 10:05 - Ann: 3\n13/1/20, 10:01 - Ann: 1\n13/1/20, 10:01 - Ann: 2\n12/1/20, 23:00 - Ann: 0\n"
    assert [text for _, text in said(text)] == ["0", "1", "2", "3"]


def test_the_hour_that_comes_twice_in_autumn_runs_on() -> None:
    text = "".join(
        f"[29.10.23, {at}] Ann: x\n" for at in ("01:59:00", "02:30:00", "02:59:00", "02:10:00", "02:40:00", "03:01:00")
    )
    assert times(text, zone="Europe/Berlin") == [
        "2023-10-28T23:59:00", "2023-10-29T00:30:00", "2023-10-29T00:59:00", "2023-10-29T01:10:00", "2023-10-29T01:40:00",
        "2023-10-29T02:01:00",
    ]  # fmt: skip


def test_every_record_is_accounted_for() -> None:
    text = (
        "a line before\n13/1/20, 10:00 - Messages and calls are end-to-end encrypted.\n13/1/20, 10:00 - Ann: \n"
        "13/1/20, 10:00 - Ann: hi\n13/1/20, 10:00 - Ann: This message was deleted\n13/1/20, 10:00 - Ann: This message was deleted\n"
    )
    records = read(text)
    assert reasons(text) == ["event", "event", "empty", "unsent", "unsent"]
    ids = [one.id for one in records if isinstance(one, Skipped)]
    assert len(set(ids)) == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"{LRM}Missed voice call, {LRM}Tap to call back", "call"), (f"{LRM}Voice call, {LRM}2 min", "call"),
        (f"{LRM}POLL:\nWhere?\n{LRM}OPTION: here ({LRM}2 votes)\n{LRM}OPTION: there ({LRM}0 votes)\n", "poll"),
        ("UMFRAGE:\nWo?\nOPTION: hier (2 Stimmen)\nOPTION: dort (0 Stimmen)", "poll"),
        (f"{LRM}Location: https://maps.google.com/?q=51.5,-0.12", "location"),
        ("Some Place (London): https://foursquare.com/v/4e89af95e5fa82ad4c0aa03b", "location"),
        (f"{LRM}This message was deleted by admin Bo.", "unsent"), (f"{LRM}You deleted this message.", "unsent"),
        (f"{LRM}Waiting for this message. This may take a while.", "undecodable"),
        (f"{LRM}Ann added Bo", "event"), (f"{LRM}Ann hat Bo hinzugefügt.", "event"), (f"{LRM}You created this group", "event"),
        (f"{LRM}Messages and calls are end-to-end encrypted. No one outside", "event"), (LRM, "empty"),
    ],
)  # fmt: skip
def test_what_an_iphone_says_in_somebodys_name_is_no_message(text: str, reason: str) -> None:
    if reason == "location" and "foursquare" in text:
        text = LRM + text
    assert reasons(f"{HEAD}Ann: hi\n{HEAD}Ann: {text}\n") == [reason]


@pytest.mark.parametrize("text", [
    "no image omitted", "Missed voice call", "This message was deleted", "You added that", "Location: home", "null", "POLL: who?",
    "https://maps.google.com/?q=51.5,-0.12", "Ann added that to the list", "a <b: c.txt", "(file attached)", "<3>", "<hi>",
])  # fmt: skip
def test_without_the_mark_an_iphones_words_are_somebodys(text: str) -> None:
    assert said(f"{HEAD}Ann: {text}\n") == [("Ann", text)]


@pytest.mark.parametrize(
    ("text", "words", "kind", "file"),
    [
        (f"look {LRM}<attached: 00000035-PHOTO-2022.jpg>", "look", "photo", "00000035-PHOTO-2022.jpg"),
        (f"a\nb {LRM}<attached: 00000035-PHOTO-2022.jpg>", "a\nb", "photo", "00000035-PHOTO-2022.jpg"),
        ("< attached: 00000042-PHOTO-2020.jpg >", "", "photo", "00000042-PHOTO-2020.jpg"),
        (f"Plan.pdf • {LRM}2 pages {LRM}<attached: 00000047-Plan.pdf>", "", "file", "00000047-Plan.pdf"),
        (f"Plan.pdf • {LRM}2 pages {LRM}<attached: 00000047-Plan.pdf>\nsee", "see", "file", "00000047-Plan.pdf"),
        (f"Plan.pdf • {LRM}2 pages {LRM}document omitted", "", "file", "Plan.pdf"),
        (f"hey {LRM}image omitted", "hey", "photo", None), ("\u200fلم يتم إدراج الصورة", "", "photo", None),
        (f"2016-PHOTO-1.jpg <{LRM}attached>", "", "photo", "2016-PHOTO-1.jpg"),
        (f"{LRM}<附件：00000035-PHOTO-2022.jpg>", "", "photo", "00000035-PHOTO-2022.jpg"),
        (f"{LRM}You received a view once message. For added privacy, you can only open it on your phone.", "", None, None),
    ],
)  # fmt: skip
def test_files_of_an_iphone_keep_their_captions(text: str, words: str, kind: str | None, file: str | None) -> None:
    (one,) = [one for one in read(f"{HEAD}Ann: {text}\n") if isinstance(one, Said)]
    assert (one.text, one.media[0][0], one.media[0][2]) == (words, kind, file)


@pytest.mark.parametrize(
    ("text", "words", "file"),
    [
        ("<Media omitted>\na caption", "a caption", None), ("<Media omitted>\nTemplate.docx", "", "Template.docx"),
        ("<Без медиафайлов>", "", None), ("<Media omitted> ", "", None), ("<View once voice message omitted>", "", None), ("IMG-20230515-WA0001.jpg (file attached)\nlook", "look", "IMG-20230515-WA0001.jpg"),
        ("\u200eIMG-20230515-WA0001.jpg (الملف مرفق)", "", "IMG-20230515-WA0001.jpg"),
        ("Plan.pdf (Datei angehängt)\nPlan.pdf", "", "Plan.pdf"),
    ],
)  # fmt: skip
def test_files_of_an_android_phone_keep_their_captions(text: str, words: str, file: str | None) -> None:
    (one,) = [one for one in read(f"13.05.23, 10:00 - Ann: {text}\n") if isinstance(one, Said)]
    assert (one.text, one.media[0][2]) == (words, file)


@pytest.mark.parametrize(
    "text", ["null", "location: https://maps.google.com/?q=51.5,-0.12", "live location shared", "Mensagem apagada"]
)
def test_what_an_android_phone_writes_for_no_words_is_no_message(text: str) -> None:
    assert said(f"13.05.23, 10:00 - Ann: {text}\n") == []


@pytest.mark.parametrize("language", ["English", "German"])
def test_an_iphones_file_without_any_mark_has_placeholders_of_its_own_language(language: str) -> None:
    words = {
        "English": ("image omitted", "Video omitted", "This message was deleted.", "Missed voice call, Tap to call back",
                    "Plan.pdf • 2 pages document omitted", "my image omitted", "Bild weggelassen"),
        "German": ("Bild weggelassen", "Video weggelassen", "Diese Nachricht wurde gelöscht.", "Verpasster Sprachanruf",
                   "Plan.pdf • 2 Seiten Dokument weggelassen", "Ich habe ein Bild weggelassen", "image omitted"),
    }[language]  # fmt: skip
    sentences = (
        "Sam added that to the list",
        "Missed voice call from you, sorry",
        "Ann added Bo",
        "see image omitted below",
        "hi",
    )
    text = "".join(f"{HEAD}Ann: {one}\n" for one in (*words, *sentences))
    found = [(one.text, one.media[0][0] if one.media else None) for one in read(text) if isinstance(one, Said)]
    assert found == [
        ("", "photo"), ("", "video"), ("", "file"), (words[5], None), (words[6], None), *((one, None) for one in sentences)
    ]  # fmt: skip
    assert reasons(text) == ["unsent", "call"]


def test_without_marks_a_group_speaks_under_its_own_name() -> None:
    text = (
        f"{HEAD}Ski: Messages and calls are end-to-end encrypted. No one outside of this chat can read them.\n"
        f"{HEAD}Ski: Ann created this group\n{HEAD}Ann: hi\n{HEAD}Bo: image omitted\n{HEAD}Ann: Ann added Cy\n"
    )
    name = "WhatsApp Chat - Ski.zip"
    assert said(text, name) == [("Ann", "hi"), ("Bo", ""), ("Ann", "Ann added Cy")]
    assert thread(text, name) == ("group", "Ski")
    assert said(text.replace("Ann: ", "Ski: "), name)[1:] == [("Ski", "hi"), ("Bo", ""), ("Ski", "Ann added Cy")]


@pytest.mark.parametrize("mark", [LRM, ""])
def test_an_iphones_file_without_a_title_is_called_as_the_application_calls_the_chat(mark: str) -> None:
    first = (
        f"{HEAD}Ann: {mark}Messages and calls are end-to-end encrypted. No one outside can read them.\n{HEAD}Ann: hi\n"
    )
    newer = first + f"{HEAD}Me: yo\n"
    assert thread(first, "_chat.txt") == thread(newer, "_chat.txt") == ("dm", "Ann")
    assert said(newer) == [("Ann", "hi"), ("Me", "yo")]


def test_the_heads_of_old_iphones_are_an_iphones() -> None:
    head = "18.03.22 14:56:01: "
    assert said(f"{head}Ann: hi\n{head}Bo: image omitted\n") == [("Ann", "hi"), ("Bo", "")]


def test_one_mark_anywhere_says_that_a_file_has_kept_its_marks() -> None:
    text = f"{HEAD}Ann: image omitted\n{HEAD}Ann: {LRM}video omitted\n"
    assert said(text) == [("Ann", "image omitted"), ("Ann", "")]


@pytest.mark.parametrize("text", [
    "Waiting for this message to arrive", "image omitted", "Bild weggelassen", "You received a view once message, how?",
    "This message was deleted by admin again, why?", "You deleted this message?", "live location shared with you",
])  # fmt: skip
def test_a_sentence_that_begins_like_androids_words_is_somebodys(text: str) -> None:
    assert said(f"13.05.23, 10:00 - Ann: {text}\n") == [("Ann", text)]


def test_an_export_whose_marks_were_lost_is_known_by_its_first_line() -> None:
    text = (
        "[3/18/22 14:56:01] Ann: Messages and calls are end-to-end encrypted. No one outside of this chat can read them.\n"
        "[3/27/22 21:41:55] Bo: image omitted\n[3/27/22 21:50:25] Bo: Plan.pdf • 2 pages document omitted\n[3/27/22 21:51:25] Bo: hi\n"
    )
    assert said(text) == [("Bo", ""), ("Bo", ""), ("Bo", "hi")]


def test_names_with_a_colon_are_whole() -> None:
    text = "".join(f"13/1/23, 16:1{n} - Shop: Berlin: {word}\n" for n, word in enumerate("abcde"))
    assert said(text) == [("Shop: Berlin", word) for word in "abcde"]
    assert said("13/1/23, 16:10 - Shop: Berlin: hi\n", "WhatsApp Chat with Shop Berlin.txt") == [("Shop: Berlin", "hi")]
    assert said("13/1/23, 16:10 - Ann: Note: hi\n13/1/23, 16:11 - Ann: Note: yo\n") == [
        ("Ann", "Note: hi"),
        ("Ann", "Note: yo"),
    ]


@pytest.mark.parametrize("line", [
    'Ann changed the subject to "Ski: 2024"', 'You changed the subject from "A: B" to "C: D"', "Ann added Shop: Berlin",
    "Ann hat den Betreff zu „Ski: 2024“ geändert", "Ann a changé le sujet pour « Ski : 2024 »", "Ann started a call at 10:30",
    "See https://www.whatsapp.com/legal",
])  # fmt: skip
def test_a_line_of_the_application_with_a_colon_is_nobodys(line: str) -> None:
    assert said(f"13/1/23, 16:10 - Ann: hi\n13/1/23, 16:11 - {line}\n13/1/23, 16:12 - Ann: yo\n") == [
        ("Ann", "hi"),
        ("Ann", "yo"),
    ]


def test_text_right_behind_a_name_is_read() -> None:
    assert said("13/1/23, 16:10 - Ann:.\n13/1/23, 16:11 - Ann: see https://x.org\n") == [
        ("Ann", "."),
        ("Ann", "see https://x.org"),
    ]


def test_a_number_is_a_person_with_that_number() -> None:
    people = [
        one
        for one in read(f"{HEAD}\u202a+49 151\u00a02345678\u202c: hi\n{HEAD}~\u202fBo Li: yo\n")
        if isinstance(one, Person)
    ]
    assert people == [
        Person("+49 151\u00a02345678", "+49 151\u00a02345678", "+491512345678"), Person("~\u202fBo Li", "Bo Li", ""),
    ]  # fmt: skip


DM = "13.01.23, 16:10 - Ann: hi\n13.01.23, 16:11 - Me: yo\n"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (DM, "WhatsApp Chat with Ann.txt", ("dm", "Ann")), (DM, "WhatsApp Chat with Ann (1).txt", ("dm", "Ann")),
        (DM, "WhatsApp Chat with Ski.txt", ("group", "Ski")), (DM, "my export.txt", ("dm", "my export")),
        (DM, "_chat.txt", ("dm", "")), (DM + "13.01.23, 16:12 - Bo: x\n", "WhatsApp Chat with Ann.txt", ("group", "Ann")),
        ('13.01.23, 16:10 - Ann created group "X"\n' + DM, "chat.txt", ("group", "")),
        ("13.01.23, 16:11 - Me: yo\n", "WhatsApp Chat with Ann.txt", ("dm", "Ann")),
        ('13.01.23, 16:10 - You created group "X"\n13.01.23, 16:11 - Me: yo\n', "WhatsApp Chat with X.txt", ("group", "X")),
        (f"{HEAD}Ski trip: {LRM}Messages and calls are end-to-end encrypted.\n{HEAD}Ski trip: {LRM}Ann created this group\n"
         f"{HEAD}Ann: hi\n{HEAD}Bo: yo\n", "_chat.txt", ("group", "Ski trip")),
        (f"{HEAD}Ann: {LRM}Messages and calls are end-to-end encrypted.\n{HEAD}Ann: hi\n{HEAD}Me: yo\n",
         "WhatsApp Chat - Ann.zip", ("dm", "Ann")),
    ],
)  # fmt: skip
def test_a_chat_with_one_person_is_told_from_a_group(text: str, name: str, expected: tuple[str, str]) -> None:
    assert thread(text, name) == expected


@pytest.mark.parametrize("name", [
    "WhatsApp Chat with {}.txt", "WhatsApp Chat - {}.zip", "WhatsApp-Chat mit {}.txt", "Chat de WhatsApp con {}.txt",
    "Conversa do WhatsApp com {}.txt", "Discussion WhatsApp avec {}.txt", "Chat WhatsApp con {}.txt", "Чат WhatsApp с контактом {}.txt",
    "Chat WhatsApp s uživatelem {}.txt", "{} ile WhatsApp Sohbeti.txt", "Chat WhatsApp dengan {}.txt", "WhatsApp-chat met {}.txt",
    "WhatsApp%20Chat%20with%20{}.txt", "WhatsApp_Chat_with_{}.txt", "Chat de WhatsApp - {}.zip", "与{}的WhatsApp聊天.txt",
    "WhatsApp 대화 - {}.txt", "محادثة واتساب مع {}.txt",
])  # fmt: skip
def test_the_name_of_a_file_in_any_language_names_the_chat(name: str) -> None:
    assert titled(name.format("Zoë")).text == "Zoë"


def test_a_folder_of_chats_is_read_with_its_owner(tmp_path: Path) -> None:
    for name in ("Ann", "Bo"):
        folder = tmp_path / f"WhatsApp Chat - {name}"
        folder.mkdir()
        (folder / "_chat.txt").write_text(f"[13.01.23, 10:00:00] {name}: hi\n[13.01.23, 10:00:01] Me: yo\n")
    with open_export(None, tmp_path, tmp_path.parent / "home", Asked(ZoneInfo("UTC"))) as source:
        rows = [row for row in source.rows() if isinstance(row, SourceMessage)]
    assert [(row.chat_guid, row.is_from_me) for row in rows] == [
        ("whatsapp:Ann", 0), ("whatsapp:Ann", 1), ("whatsapp:Bo", 0), ("whatsapp:Bo", 1),
    ]  # fmt: skip


def test_a_folder_of_zips_is_read_as_the_chats_in_them(tmp_path: Path) -> None:
    for name in ("Ann", "Bo"):
        with zipfile.ZipFile(tmp_path / f"WhatsApp Chat - {name}.zip", "w") as archive:
            archive.writestr("_chat.txt", f"[13.01.23, 10:00:00] {name}: hi\n[13.01.23, 10:00:01] Me: yo\n")
    with open_export("whatsapp", tmp_path, tmp_path.parent / "home", Asked(ZoneInfo("UTC"))) as source:
        rows = [row for row in source.rows() if isinstance(row, SourceMessage)]
    assert [(row.chat_guid, row.is_from_me) for row in rows] == [
        ("whatsapp:Ann", 0), ("whatsapp:Ann", 1), ("whatsapp:Bo", 0), ("whatsapp:Bo", 1),
    ]  # fmt: skip


def test_a_file_of_an_unpacked_zip_is_called_as_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "WhatsApp Chat - Ann"
    folder.mkdir()
    path = folder / "_chat.txt"
    path.write_text(f"{HEAD}Ann: hi\n{HEAD}Me: yo\n")
    guids = set()
    for named in (folder, path):
        with open_export(None, named, tmp_path / "home", Asked(ZoneInfo("UTC"), me="Me")) as source:
            guids.add(tuple(row.guid for row in source.rows()))
            assert [chat.guid for chat in source.chats] == ["whatsapp:Ann"]
    assert len(guids) == 1


def test_two_exports_of_one_chat_in_a_folder_are_one_history(tmp_path: Path) -> None:
    text = "13/01/23, 10:00 - Ann: ok\n13/01/23, 10:00 - Ann: ok\n13/01/23, 10:01 - Me: yo\n"
    (tmp_path / "WhatsApp Chat with Ann (1).txt").write_text(text + "13/01/23, 10:02 - Ann: new\n")
    (tmp_path / "WhatsApp Chat with Ann.txt").write_text(text)
    with open_export(None, tmp_path, tmp_path.parent / "home", Asked(ZoneInfo("UTC"), me="Me")) as source:
        rows = list(source.rows())
    assert [row.text for row in rows if isinstance(row, SourceMessage)] == ["ok", "ok", "yo", "new"]
    assert [row.reason for row in rows if isinstance(row, SourceSkipped)] == ["repeated"] * 3  # every line is counted
    assert len({row.guid for row in rows}) == 7


def test_a_year_of_two_digits_is_the_thai_one_only_where_ours_would_lie_ahead() -> None:
    assert times("14/3/66, 17:07 - Ann: hi\n15/3/66, 17:07 - Ann: hi\n")[0] == "2023-03-14T17:07:00"
    assert times("14/3/23, 17:07 - Ann: hi\n15/3/23, 17:07 - Ann: hi\n")[0] == "2023-03-14T17:07:00"
