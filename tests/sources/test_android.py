"""SMS Backup & Restore: what its files hold, as phones write them, and as they are damaged."""

from __future__ import annotations

import base64
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.errors import SourceError
from ventriloquist.sources.android import read_android
from ventriloquist.sources.export_records import Person, Record, Said, Skipped, Thread

AT = 1_684_144_800_000
ANN, BO, OWN = "+15550102030", "+15550104050", "+15550199999"
SMIL = '<part seq="-1" ct="application/smil" text="&lt;smil>layout&lt;/smil>" />'


def records(
    tmp_path: Path, inside: str | bytes, *, head: str = "<?xml version='1.0' encoding='UTF-8'?>"
) -> list[Record]:
    data = inside if isinstance(inside, bytes) else f"{head}\n<smses count='1'>{inside}</smses>".encode()
    path = tmp_path / "sms.xml"
    path.write_bytes(data)
    with path.open("rb") as file:
        return list(read_android(file, path))


def said(found: Sequence[Record]) -> list[tuple[str, str]]:
    return [(record.sender, record.text) for record in found if isinstance(record, Said)]


def reasons(found: Sequence[Record]) -> list[str]:
    return [record.reason for record in found if isinstance(record, Skipped)]


def names(found: Sequence[Record]) -> dict[str, str]:
    return {record.id: record.name for record in found if isinstance(record, Person) and record.id != "me"}


def sms(
    body: str, *, address: str = ANN, kind: object = 1, at: object = AT, name: str = "Ann", quote: str = '"'
) -> str:
    body = f"{quote}{body}{quote}"
    return f'<sms protocol="0" address="{address}" date="{at}" type="{kind}" body={body} contact_name="{name}"/>'


def mms(
    parts: str, *, box: object = 1, address: str = ANN, sender: str = ANN, to: Sequence[str] = (OWN,), more: str = ""
) -> str:
    addrs = "".join(f'<addr address="{one}" type="{kind}" charset="106"/>' for one, kind in
                    [(sender, 137), *((one, 151) for one in to)])  # fmt: skip
    return (
        f'<mms date="{AT}" msg_box="{box}" address="{address}" m_type="{128 if box == 2 else 132}" {more}>'
        f"<parts>{parts}</parts><addrs>{addrs}</addrs></mms>"
    )


def text_part(text: str, seq: int = 0) -> str:
    return f'<part seq="{seq}" ct="text/plain" chset="106" cl="text.txt" text="{text}" data="null"/>'.replace(
        ' data="null"', ""
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("&#55357;&#56846;", "\U0001f60e"),
        ("&#xD83D;&#xde0e;!", "\U0001f60e!"),
        ("&#x1F60E;", "\U0001f60e"),
        ("a&#10;b&#13;&#10;c&#9;d", "a\nb\r\nc\td"),
        ("&#55357; alone", "\ufffd alone"),
        ("&#56846;&#55357;", "\ufffd\ufffd"),
        ("bell&#7; and &#x1b;[31m", "bell\x07 and \x1b[31m"),
        ("n&#0;o", "no"),
        ("&#20320;&#22909; &#64; &amp;#55357; &lt;b&gt; &quot;x&quot; &apos;", '你好 @ &#55357; <b> "x" \''),
        ("👨&#8205;👩‍👧 ❤\ufe0f trailing  ", "👨\u200d👩‍👧 ❤\ufe0f trailing  "),
        ("Null", "Null"),
    ],
)
def test_a_text_is_read_as_it_was_typed(written: str, text: str, tmp_path: Path) -> None:
    assert said(records(tmp_path, sms(written))) == [(ANN, text)]


def test_a_value_with_double_quotes_stands_in_single_ones(tmp_path: Path) -> None:
    quoted = 'she said "hi" data="' + "A" * 5000 + '" ok &#55357;&#56846;'
    assert said(records(tmp_path, sms(quoted, quote="'"))) == [(ANN, quoted[:-16] + "\U0001f60e")]


@given(
    texts=st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\ufffe\uffff")).filter(
            lambda text: text.strip() and text != "null" and not any("\ufdd0" <= char <= "\ufdef" for char in text)
        ),
        min_size=1,
    ),
    style=st.sampled_from(("surrogates", "hexadecimal", "every", "raw")),
)
def test_texts_survive_every_way_of_writing_them(
    texts: list[str], style: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def write(text: str) -> str:
        out = []
        for char in text:
            units = char.encode("utf-16-be")
            codes = [int.from_bytes(units[place : place + 2]) for place in range(0, len(units), 2)]
            if char < " " or char in "&<\"'" or style == "every" or (style != "raw" and char > "\uffff"):
                out += [f"&#x{code:X};" if style == "hexadecimal" else f"&#{code};" for code in codes]
            else:
                out.append(char)
        return "".join(out)

    found = records(
        tmp_path_factory.mktemp("sms"), "".join(sms(write(text), at=AT + n) for n, text in enumerate(texts))
    )
    assert said(found) == [(ANN, text) for text in texts]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(3, "failed"), (4, "failed"), (5, "failed"), (6, "failed"), (0, "no_sender"), ("null", "no_sender")],
)
def test_what_was_not_sent_is_skipped(kind: object, reason: str, tmp_path: Path) -> None:
    found = records(tmp_path, sms("draft", kind=kind) + mms(text_part("x"), box=kind))
    assert reasons(found) == [reason, reason]
    assert said(found) == []


def test_sent_and_received_are_told_apart(tmp_path: Path) -> None:
    found = records(
        tmp_path, sms("in") + sms("out", kind=2) + sms("null") + sms("x", at="null") + sms("x", address="null")
    )
    assert said(found) == [(ANN, "in"), ("me", "out")]
    assert reasons(found) == ["empty", "no_date", "no_chat"]


def test_an_mms_has_the_text_of_its_parts_and_what_is_attached(tmp_path: Path) -> None:
    photo = '<part seq="0" ct="image/jpeg" name="null" cl="IMG_1.jpg" fn="null" text="null" data="AAAA"/>'
    voice = '<part seq="0" ct="audio/amr" name="v.amr" cl="null" text="null" data="AAAA"/>'
    notes = '<part seq="0" ct="text/plain" name="notes.txt" cl="null" text="null" data="AAAA"/>'
    found = records(
        tmp_path, mms(SMIL + text_part("second", 2) + text_part("first &#55357;&#56846;", 1) + photo + voice + notes)
    )
    (message,) = [record for record in found if isinstance(record, Said)]
    assert (message.sender, message.text) == (ANN, "first \U0001f60e\nsecond")
    assert message.media == (
        (None, "image/jpeg", "IMG_1.jpg"),
        (None, "audio/amr", "v.amr"),
        (None, "text/plain", "notes.txt"),
    )


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_pictures_of_any_size_leave_no_trace_wherever_the_file_is_read_in_two(
    cut: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ventriloquist.sources.android.CHUNK_BYTES", 40 + cut)
    picture = base64.b64encode(bytes(range(256)) * 8).decode()
    one = mms(SMIL + f'<part ct="image/png" cl="a.png" data="{picture}"/>' + text_part("look &#55357;&#56846;"))
    found = records(tmp_path, one + sms("after &#55357;&#56846;") + one.replace(str(AT), str(AT + 5)))
    assert [text for _, text in said(found)] == ["look \U0001f60e", "after \U0001f60e", "look \U0001f60e"]


def test_memory_stays_flat_while_pictures_are_read(tmp_path: Path) -> None:
    path = tmp_path / "sms.xml"
    with path.open("wb") as file:
        file.write(b"<smses>")
        for _ in range(3):
            file.write(mms('<part ct="video/mp4" cl="v.mp4" data="@"/>').partition("@")[0].encode())
            for _ in range(20):
                file.write(b"QUJD" * (1 << 18))
            file.write(b'"/></parts></mms>')
        file.write(b"</smses>")
    tracemalloc.start()
    with path.open("rb") as file:
        found = list(read_android(file, path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sum(isinstance(record, Said) for record in found) == 3
    assert peak < 8 << 20


@pytest.mark.parametrize(("sub", "text", "expected"), [
    ("Dinner", "at eight?", "Dinner\nat eight?"), ("Dinner", "", "Dinner"), ("null", "hi", "hi"), ("", "hi", "hi"),
    ("D\u00c3\u00aener &#55357;&#56846;", "hi", "D\u00c3\u00aener 😎\nhi"), ("D\u00c3\u00aener", "hi", "Dîner\nhi"),
    ("Dîner", "hi", "Dîner\nhi"), ("proto:CjoKImNvbS5n", "hi", "hi"), ("(No subject)", "hi", "hi"),
    ("hi", "hi all", "hi all"), (" ", "hi", "hi"),
])  # fmt: skip
def test_the_subject_of_an_mms_is_its_first_line(sub: str, text: str, expected: str, tmp_path: Path) -> None:
    part = f'<part seq="0" ct="text/plain" text={quoteattr(text)} />' if text else ""
    assert said(records(tmp_path, mms(part, more=f'sub="{sub}" m_id="x"'))) == [(ANN, expected)]


def test_a_subject_leaves_the_id_of_a_message_as_it_was(tmp_path: Path) -> None:
    part = '<part seq="0" ct="text/plain" text="hi" />'
    ids = {
        record.id for more in ("", 'sub="Dinner"', 'sub="null"') for record in records(tmp_path, mms(part, more=more))
        if isinstance(record, Said)
    }  # fmt: skip
    assert len(ids) == 1


def test_who_wrote_in_a_group_is_its_address_of_type_137(tmp_path: Path) -> None:
    group = f"{BO}~{ANN}"
    found = records(
        tmp_path,
        mms(text_part("hi all"), address=group, sender=ANN, to=(OWN, BO), more='contact_name="Bo, Ann Lee"')
        + mms(text_part("yo"), address=group, sender="(555) 010-4050", to=(OWN, ANN))
        + mms(text_part("mine"), address=group, sender="insert-address-token", to=(ANN, BO), box=2)
        + mms(text_part("whose"), address=group, sender="insert-address-token", to=(OWN,)),
    )
    assert said(found) == [(ANN, "hi all"), (BO, "yo"), ("me", "mine")]
    assert reasons(found) == ["no_sender"]
    assert [(record.type, record.members) for record in found if isinstance(record, Thread)] == [("group", (BO, ANN))]
    assert names(found) == {ANN: "Ann Lee", BO: "Bo"}


def test_a_name_with_a_comma_is_not_given_to_two_people(tmp_path: Path) -> None:
    group = mms(text_part("x"), address=f"{ANN}~{BO}", to=(OWN, BO), more='contact_name="Lee, Ann, Bo"')
    assert names(records(tmp_path, group)) == {ANN: "", BO: ""}
    alone = sms("x", name="Lee, Ann") + mms(text_part("x"), address=f"{ANN}~{BO}", more='contact_name="Lee, Ann"')
    assert names(records(tmp_path, alone)) == {ANN: "Lee, Ann", BO: "Ann"}


def test_an_unknown_name_is_none_and_takes_no_known_one_away(tmp_path: Path) -> None:
    assert names(records(tmp_path, sms("x", name="(Unknown)") + sms("y", name="null"))) == {ANN: ""}
    assert names(records(tmp_path, sms("x") + sms("y", name="(Unknown)") + sms("z", name="null"))) == {ANN: "Ann"}


def test_the_owners_own_number_in_a_group_is_the_owner(tmp_path: Path) -> None:
    listed = f"{ANN}~{BO}~{OWN}"
    found = records(
        tmp_path,
        mms(text_part("one"), address=listed, sender=ANN, to=(OWN, BO))
        + mms(text_part("two"), address=listed, sender=OWN, to=(ANN, BO), box=2)
        + mms(text_part("three"), address=f"{ANN}~{OWN}", sender=ANN, to=(OWN,)),
    )
    last = {record.id: record for record in found if isinstance(record, Thread)}
    assert [(thread.type, set(thread.members)) for thread in last.values()] == [("group", {ANN, BO}), ("dm", {ANN})]
    assert [record.is_me for record in found if isinstance(record, Person) and record.id == OWN][-1]


def test_addresses_stand_in_for_a_missing_one(tmp_path: Path) -> None:
    found = records(
        tmp_path,
        mms(text_part("in"), address="null", sender=ANN, to=(OWN,))
        + mms(text_part("out"), address="null", sender="insert-address-token", to=(ANN,), box=2)
        + f'<mms date="{AT}" msg_box="1" address="null"><parts>{text_part("x")}</parts></mms>'
        + f'<mms date="{AT // 1000}" msg_box="1" address="{ANN}"><parts>{text_part("seconds")}</parts></mms>',
    )
    assert said(found) == [(ANN, "in"), ("me", "out"), (ANN, "seconds")]
    assert {record.sent_at for record in found if isinstance(record, Said)} == {AT}
    assert {record.thread for record in found if isinstance(record, Said)} == {ANN}
    assert reasons(found) == ["no_chat"]


def test_rcs_messages_and_notices_are_told_apart(tmp_path: Path) -> None:
    rcs = mms(text_part("over rcs"), more='m_id="T19edc4" tr_id="proto:CjoKImNvbS5nb29nbGU="')
    notice = f'<mms date="{AT}" m_type="134" msg_box="1" address="{ANN}"><parts/><addrs/></mms>'
    waiting = f'<mms date="{AT}" m_type="130" msg_box="1" address="{ANN}"/>'
    found = records(tmp_path, rcs + notice + waiting)
    assert said(found) == [(ANN, "over rcs")]
    assert reasons(found) == ["event", "empty"]


def test_the_same_message_has_the_same_id_and_another_has_not(tmp_path: Path) -> None:
    same = sms("ok") + sms("ok") + sms("no") + sms("ok", kind=2) + sms("ok", at=AT + 1)
    ids = [record.id for record in records(tmp_path, same) if isinstance(record, Said)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    pictures = (
        mms(text_part("a"), more='m_id="1"') * 2
        + mms(text_part("a"), more='m_id="2"')
        + mms(text_part("a"))
        + mms(text_part("b"))
    )
    ids = [record.id for record in records(tmp_path, pictures) if isinstance(record, Said)]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


@pytest.mark.parametrize(
    "head",
    ["", "\ufeff<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>", "\n\n<?xml version='1.0'?>",
     "<?xml version='1.0' encoding='UTF-8'?>\n<!--File Created By SMS Backup & Restore v10 <b> &#55357; -->\n"
     '<?xml-stylesheet type="text/xsl" href="sms.xsl"?>'],
)  # fmt: skip
def test_a_file_may_begin_in_several_ways(head: str, tmp_path: Path) -> None:
    assert said(records(tmp_path, sms("hi &#55357;&#56846;"), head=head)) == [(ANN, "hi \U0001f60e")]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "cp1252"])
def test_other_encodings_are_read(encoding: str, tmp_path: Path) -> None:
    name = encoding.replace("cp", "windows-")
    text = f"<?xml version='1.0' encoding='{name}'?><smses>{sms('naïve &#55357;&#56846;')}</smses>"
    assert said(records(tmp_path, text.encode(encoding))) == [(ANN, "naïve \U0001f60e")]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'<?xml version="1.0"?><calls count="1"><call number="1"/></calls>', "log of calls"),
        (b"<html><body/></html>", "begins with <html>"),
        (b"", "is empty"),
        (b"   ", "is empty"),
        (b'<smses><sms body="a', "cut off"),
        (b"<smses>" + sms("a").encode() + b"<mms><parts><part data='AAAA", "cut off after 1 messages"),
        (b"<smses>" + sms("a").encode(), "cut off after 1 messages"),
        (b"<smses><sms></smses>", "damaged"),
        (b"<smses>&nbsp;</smses>", "damaged"),
        (b"<smses><sms body='\xff\xfe'/></smses>", "damaged"),
        (b"<smses>" + b"<a>" * 100, "damaged"),
        (b'<?xml version="1.0" encoding="utf-7"?><smses/>', "damaged"),
        (b'<?xml version="1.0" encoding="utn-8"?><smses/>', "damaged"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><smses>&a;</smses>', "document type"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><smses>&a;</smses>'.encode("utf-16"), "document type"),
        (b'<!DOCTYPE smses SYSTEM "file:///etc/passwd"><smses/>', "document type"),
        (b"<smses>" + b"a" * (17 << 20), "million characters"),
    ],
)
def test_another_or_a_damaged_file_gets_one_clear_line(data: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=what) as error:
        records(tmp_path, data)
    assert error.value.hint
    assert "\n" not in error.value.what


values = st.one_of(
    st.none(),
    st.sampled_from(("null", "", "~", "~~", "1", "2", "-1", "9" * 30, "insert-address-token", ANN)),
    st.text("aé~,\x1b 1", max_size=8),
)
FIELDS = (
    "address", "date", "date_sent", "type", "body", "contact_name", "msg_box", "m_type", "m_id", "tr_id", "ct", "seq",
    "text", "cl", "data",
)  # fmt: skip
attributes = st.dictionaries(st.sampled_from(FIELDS), values, max_size=9)


def element(tag: str, about: dict[str, str | None], inside: str = "") -> str:
    listed = " ".join(
        f"{key}={quoteattr(value).replace(chr(27), '&#27;')}" for key, value in about.items() if value is not None
    )
    return f"<{tag} {listed}>{inside}</{tag}>"


@given(
    rows=st.lists(
        st.tuples(attributes, st.lists(attributes, max_size=3), st.lists(attributes, max_size=3)),
        min_size=1,
        max_size=6,
    )
)
def test_whatever_a_field_holds_every_record_is_accounted_for(
    rows: list[tuple[dict[str, str | None], list[dict[str, str | None]], list[dict[str, str | None]]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    inside = ""
    for about, parts, addresses in rows:
        inner = "".join(element("part", part) for part in parts) + "".join(element("addr", one) for one in addresses)
        inside += element("sms", about) + element("mms", about, inner)
    found = records(tmp_path_factory.mktemp("sms"), inside)
    assert sum(isinstance(record, Said | Skipped) for record in found) == 2 * len(rows)


@pytest.mark.parametrize("quote", ["'", '"'])
@pytest.mark.parametrize("size", [1 << 17, 7])
def test_a_text_that_looks_like_a_picture_stays(
    quote: str, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ventriloquist.sources.android.CHUNK_BYTES", size)
    text = f"set data={quote}x"
    part = f'<part seq="0" ct="text/plain" text={quoteattr(text)}/>'
    found = records(tmp_path, mms(part) + sms("see you") + sms("it's lost") + sms("bye"))
    assert said(found) == [(ANN, text), (ANN, "see you"), (ANN, "it's lost"), (ANN, "bye")]
