"""From a chat.db to lines: what each attachment is called, what a glyph leaves, and which part a reply quotes."""

from __future__ import annotations

import plistlib
from pathlib import Path

import pytest
from apple import SCHEMAS, ChatDb
from apple_bodies import FILE, GLYPH, PART, TRANSCRIPTION, attributed, body
from collected import collect_into, query
from file_builder import Conversation, Message, filled
from stages import prepare

from ventriloquist.media import media_kind
from ventriloquist.store import open_database

T = 1_700_000_000_000
ANN = "+12505550111"
SLOT = "\ufffc"


def lines(home: Path, db: ChatDb) -> list[str]:
    """Collect, prepare, and return what the messages became."""
    collect_into(home, db.path, my_name="Robin")
    with open_database(home) as file:
        prepare(file)
    return [str(content) for (content,) in query(home, "SELECT content FROM training_messages ORDER BY position")]


@pytest.mark.parametrize(
    ("mime_type", "uti", "name", "is_audio_message", "expected"),
    [
        ("image/heic", "com.apple.coreaudio-format", "a.pdf", 1, "[photo]"),
        ("IMAGE/JPEG; charset=binary", None, None, 0, "[photo]"),
        ("application/octet-stream", "com.apple.coreaudio-format", "a.jpg", 0, "[voice message]"),
        ("binary/octet-stream", "public.jpeg", "a", 0, "[photo]"),
        ("*/*", "public.heic", None, 0, "[photo]"),
        ("image/*", None, None, 0, "[photo]"),
        ("", "com.apple.quicktime-movie", None, 0, "[video]"),
        ("garbage", "dyn.ah62d4rv4ge80k2u", "Audio Message.CAF", 0, "[voice message]"),
        ("application/octet-stream", "public.data", "clip.MOV", 0, "[video]"),
        (None, "com.nikon.raw-image", "a.bin", 0, "[photo]"),
        (None, "com.adobe.pdf", "a.jpg", 0, "[file: a.jpg]"),
        (None, None, "a.amr", 0, "[voice message]"),
        (None, None, "a.opus", 0, "[voice message]"),
        (None, None, "a.m4a", 0, "[voice message]"),
        (None, None, "a.HEIC", 0, "[photo]"),
        (None, None, "a.3gp", 0, "[video]"),
        (None, None, "a.png.gz", 0, "[file: a.png.gz]"),
        (None, None, "Audio Message", 1, "[voice message]"),
        ("application/octet-stream", None, None, 1, "[voice message]"),
        ("application/pdf", None, "tax.pdf", 1, "[file: tax.pdf]"),
        ("application/octet-stream", None, "x", 0, "[file: x]"),
        (None, "dyn.age80k2u", None, 0, "[file]"),
    ],
)
def test_the_first_that_says_something_decides_what_an_attachment_is(
    tmp_path: Path,
    home: Path,
    mime_type: str | None,
    uti: str | None,
    name: str | None,
    is_audio_message: int,
    expected: str,
) -> None:
    db = ChatDb(tmp_path / "chat.db")
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=body(SLOT), is_audio_message=is_audio_message)
    db.attach(guid, mime_type, name, uti=uti)
    assert lines(home, db) == [expected]


def test_the_path_has_the_ending_that_the_name_lacks(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=body(SLOT))
    db.attach(guid, None, "Audio Message", filename="~/Library/Messages/Attachments/aa/Audio Message.caf")
    assert lines(home, db) == ["[voice message]"]


def test_a_voice_message_that_no_type_names_has_its_transcript(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    blob = attributed([(SLOT, {PART: 0, FILE: "at_0"}), (SLOT, {PART: 1, FILE: "at_1", TRANSCRIPTION: "call me"})])
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=blob)
    db.attach(guid, "image/png", "a.png")
    db.attach(guid, "application/octet-stream", "b", uti="com.apple.coreaudio-format")
    assert lines(home, db) == ["[photo]", "[voice message: call me]"]


def test_names_of_any_kind_have_a_kind() -> None:
    for name in (None, "", ".", "..", "a.", ".jpg", "x" * 100_000 + ".JPG", "a.\x00", "a.ı", " a.jpg "):
        assert media_kind(None, None, name) in ("photo", "file")


@pytest.mark.parametrize("schema", SCHEMAS[1:])
def test_a_sticker_alone_is_a_sticker(tmp_path: Path, home: Path, schema: str) -> None:
    db = ChatDb(tmp_path / "chat.db", schema)
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=body(SLOT, **{FILE: "at_0"}))
    db.attach(guid, "image/heic", "sticker.heic", is_sticker=1)
    assert lines(home, db) == ["[sticker]"]


def test_a_genmoji_alone_is_a_sticker(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(ANN)
    by_column = db.message(chat, T, sender=ANN, blob=body(SLOT))
    db.attach(by_column, "image/heic", "a.heic", emoji_image_short_description="a cat")
    by_attribute = db.message(chat, T + 1, sender=ANN, blob=body(SLOT, **{FILE: "at_0", GLYPH: 1}))
    db.attach(by_attribute, "image/png", "b.png")
    assert lines(home, db) == ["[sticker]", "[sticker]"]


@pytest.mark.parametrize(
    ("attributes", "columns"),
    [
        ({GLYPH: 1}, {}),
        ({GLYPH: 1}, {"is_sticker": 1}),
        ({"CTAdaptiveImageProvider": "x"}, {}),
        ({}, {"is_sticker": 1}),
        ({}, {"emoji_image_short_description": "a cat"}),
        ({}, {"emoji_image_content_identifier": "x", "is_sticker": 1}),
    ],
)
def test_a_genmoji_within_a_text_leaves_the_text_as_it_is(
    tmp_path: Path, home: Path, attributes: dict[str, object], columns: dict[str, object]
) -> None:
    db = ChatDb(tmp_path / "chat.db")
    runs = [("so ", {PART: 0}), (SLOT, {PART: 0, FILE: "at_0", **attributes}), ("good", {PART: 0})]
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=attributed(runs))
    db.attach(guid, "image/heic", "a.heic", **columns)
    assert lines(home, db) == ["so good"]
    assert query(home, "SELECT * FROM attachments") == []


def test_a_genmoji_beside_a_photo_takes_nothing_from_it(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(ANN)
    runs = [(SLOT, {PART: 0, FILE: "at_0"}), ("wow", {PART: 1}), (SLOT, {PART: 1, FILE: "at_1", GLYPH: 1})]
    guid = db.message(chat, T, sender=ANN, blob=attributed(runs))
    db.attach(guid, "image/png", "glyph.png", guid="at_1")  # its row comes first
    db.attach(guid, "image/jpeg", "photo.jpg", guid="at_0")
    reply(db, guid, "1:0:4", "which")
    assert lines(home, db) == ["[photo]", "wow", '[replying to "wow"] which']
    assert query(home, "SELECT filename FROM attachments") == [("photo.jpg",)]


def test_a_sticker_in_a_part_of_its_own_is_one_beside_the_text(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=attributed([(SLOT, {PART: 0, FILE: "at"}), ("ha", {PART: 1})]))
    db.attach(guid, "image/heic", "a.heic", is_sticker=1)
    assert lines(home, db) == ["[sticker]", "ha"]


def reply(db: ChatDb, target: str, part: str | None, text: str) -> None:
    db.message(db.dm(ANN), T + 60_000, text, thread_originator_guid=target, thread_originator_part=part)


RUNS = [
    ("one", {PART: 0}),
    (SLOT, {PART: 1, FILE: "at_0"}),
    ("two", {PART: 2}),
    (SLOT, {PART: 3, FILE: "at_1"}),
    (SLOT, {PART: 4, FILE: "at_2"}),
]


@pytest.mark.parametrize(
    ("part", "quoted"),
    [
        ("0:0:3", "one"),
        ("1:0:1", "[photo]"),
        ("2:0:3", "two"),
        ("3:0:1", "[video]"),
        ("4:0:1", "[file: c.pdf]"),
        ("9:0:1", "onetwo"),
        ("x", "onetwo"),
        ("", "onetwo"),
        (None, "onetwo"),
        ("9" * 5000, "onetwo"),
    ],
)
def test_a_reply_to_a_part_quotes_that_part(tmp_path: Path, home: Path, part: str | None, quoted: str) -> None:
    db = ChatDb(tmp_path / "chat.db")
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=attributed(RUNS))
    db.attach(guid, "image/png", "a.png")
    db.attach(guid, "video/mp4", "b.mp4")
    db.attach(guid, "application/pdf", "c.pdf")
    reply(db, guid, part, "yes")
    assert lines(home, db)[-1] == f'[replying to "{quoted}"] yes'


@pytest.mark.parametrize(
    ("runs", "part", "quoted"),
    [
        ([(SLOT, {PART: 0}), ("look at this", {PART: 1})], "0:0:1", "[photo]"),
        ([(SLOT, {PART: 0}), ("look at this", {PART: 1})], "1:0:12", "look at this"),
        ([("look at this", {PART: 0}), (SLOT, {PART: 1})], "0:0:12", "look at this"),
        ([("look at this", {PART: 0}), (SLOT, {PART: 1})], "1:0:1", "[photo]"),
    ],
)
def test_a_photo_and_its_text_are_two_parts(
    tmp_path: Path, home: Path, runs: list[tuple[str, dict[str, object]]], part: str, quoted: str
) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(ANN)
    for number, columns in enumerate(({"blob": attributed(runs)}, {"column_text": "".join(text for text, _ in runs)})):
        guid = db.message(chat, T + number * 1000, sender=ANN, **columns)  # type: ignore[arg-type]
        db.attach(guid, "image/png", "a.png")
        reply(db, guid, part, "yes")
    assert lines(home, db)[-2:] == [f'[replying to "{quoted}"] yes'] * 2


def test_parts_keep_their_numbers_when_one_was_unsent(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    summary = plistlib.dumps({"rp": [0], "otr": {str(part): {"lo": part, "le": 1} for part in range(3)}})
    blob = attributed([(SLOT, {PART: 1, FILE: "at"}), ("left", {PART: 2})])
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=blob, message_summary_info=summary)
    db.attach(guid, "image/png", "a.png")
    reply(db, guid, "1:0:1", "yes")
    reply(db, guid, "2:0:4", "no")
    assert lines(home, db)[-2:] == ['[replying to "[photo]"] yes', '[replying to "left"] no']


@pytest.mark.parametrize(("part", "quoted"), [("1:0:1", "[photo]"), ("0:0:4", "look"), (None, "look"), ("", "look")])
def test_of_messages_that_vq_collected_before_it_knew_parts_the_length_tells(
    home: Path, part: str | None, quoted: str
) -> None:
    messages = [
        Message("Sam", "look", guid="both", attachments=[("image/png", "a.png", None)]),
        Message("Aidan Allchin", "yes", reply_to="both", reply_part=part),
    ]
    with filled(home, [Conversation(messages)]) as db:
        prepare(db)
        (content,) = db.execute("SELECT content FROM training_messages ORDER BY position DESC LIMIT 1").fetchone()
    assert content == f'[replying to "{quoted}"] yes'


@pytest.mark.parametrize(
    "blob", [body(""), body(SLOT), body("\ufffd"), body(" \n\t"), body("\u200b\u2060\ufeff"), b"\x04\x0b"]
)
def test_a_body_that_shows_nothing_does_not_hide_the_column(tmp_path: Path, home: Path, blob: bytes) -> None:
    db = ChatDb(tmp_path / "chat.db")
    db.message(db.dm(ANN), T, sender=ANN, blob=blob, column_text="in the column")
    assert lines(home, db) == ["in the column"]


def test_an_edit_that_shows_nothing_does_not_hide_the_column(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(ANN)
    for number, text in enumerate(("", "\u200b", "edited")):
        summary = plistlib.dumps({"ec": {"0": [{"d": 1.0, "t": body("frist")}, {"d": 2.0, "t": body(text)}]}})
        for blob in (None, body("")):
            columns = {"blob": blob, "message_summary_info": summary, "column_text": "in the column"}
            db.message(chat, T + number, sender=ANN, **columns)  # type: ignore[arg-type]
    assert lines(home, db) == ["in the column"] * 4 + ["edited"] * 2


def test_a_photo_alone_has_no_text_from_a_column_of_slots(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    guid = db.message(db.dm(ANN), T, sender=ANN, blob=body(SLOT), column_text=SLOT)
    db.attach(guid, "image/png", "a.png")
    assert lines(home, db) == ["[photo]"]


def test_what_was_unsent_does_not_come_back_from_the_column(tmp_path: Path, home: Path) -> None:
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(ANN)
    db.message(chat, T, "stays")
    db.message(chat, T, blob=body(""), column_text="gone", message_summary_info=plistlib.dumps({"rp": [0]}))
    db.message(chat, T, blob=body(""), column_text="gone", date_retracted=1)
    assert lines(home, db) == ["stays"]
