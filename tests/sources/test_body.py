"""Bodies: every length and shape, beside pytypedstream's own unarchiver, and damaged ones."""

from __future__ import annotations

import time

import pytest
import typedstream
from apple_bodies import FILE, MENTION, ONE_TIME_CODE, PART, TRANSCRIPTION, Stream, attributed, body
from hostile import read_mutated_bodies
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.sources.imessage import body as bodies
from ventriloquist.transcript import well_formed

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\ufffc\ufffd"), min_size=0, max_size=300)


def text_of(data: bytes) -> str | None:
    found = bodies.decode(data)
    return None if found is None else found[0]


@given(TEXT, st.booleans())
def test_a_text_comes_back_to_the_byte(text: str, mutable: bool) -> None:
    assert text_of(body(text, mutable=mutable)) == text


@given(st.text(st.characters(categories=["Cs", "Lu"]), max_size=20))
def test_a_broken_pair_becomes_what_a_file_can_hold(text: str) -> None:
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    assert text_of(body(text)) == well_formed(joined)


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536, 10_000_000])
def test_every_encoding_of_a_length(length: int) -> None:
    assert text_of(body("x" * length)) == "x" * length


def test_the_fast_path_reads_what_pytypedstream_reads() -> None:
    for data in (body("é🙂" * 40), body("a", mutable=False), body("x" * 200, **{MENTION: "+1"})):
        assert typedstream.unarchive_from_data(data).contents[0].value.value == text_of(data)


def test_slots_are_dropped_and_nothing_else() -> None:
    assert text_of(body("\ufffc a \ufffdb\n ")) == " a b\n "


def test_an_unusual_class_before_the_text_is_read_by_either_path() -> None:
    stream = Stream()
    stream.shared("@")
    stream.begin("NSDictionary")  # neither of the shapes that the fast path knows by heart
    stream.shared("@")
    stream.string("inside")
    stream.out.append(0x86)
    assert text_of(bytes(stream.out)) == "inside"


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_attributes_cut_off_leave_the_text(cut: int) -> None:
    data = body("all of it", **{MENTION: "+12505550100"})
    assert text_of(data[:-cut]) == "all of it"


def test_a_text_cut_off_is_not_read() -> None:
    data = body("all of it, and more")
    end = data.index(b"and more")
    assert text_of(data[:end]) is None


def test_a_length_that_does_not_end_at_an_objects_end_is_not_believed() -> None:
    data = bytearray(body("hello world"))
    at = data.index(b"hello world") - 1
    data[at] = 5
    assert text_of(bytes(data)) in (None, "hello")  # pytypedstream may stop there: never bytes behind the text
    data[at] = 60
    assert text_of(bytes(data)) != "hello world"


def test_no_bytes_are_a_body() -> None:
    for data in (
        b"",
        b"\x00",
        b"\x04\x0bstreamtyped",
        b"\x04\x0bstreamtyped\x81\xe8\x03",
        b"NSString\x01\x94\x84\x01+\x01a\x86",
    ):
        assert text_of(data) is None


def test_a_body_beyond_the_limit_is_not_read() -> None:
    assert text_of(body("x" * (bodies.MAX_BYTES + 1))) is None


def test_a_one_time_code_stands_in_the_attributes() -> None:
    data = body("Your code is 123456", **{ONE_TIME_CODE: {"code": "123456"}})
    found = bodies.decode(data)
    assert found is not None
    assert data.find(bodies.ONE_TIME_CODE, found[1]) > 0
    written = body(ONE_TIME_CODE)
    found = bodies.decode(written)
    assert found is not None
    assert written.find(bodies.ONE_TIME_CODE, found[1]) < 0


def test_transcripts_of_voice_messages_in_order() -> None:
    data = attributed(
        [
            ("\ufffc", {PART: 0, FILE: "at_0", TRANSCRIPTION: "first"}),
            ("\ufffc", {PART: 1, FILE: "at_1", TRANSCRIPTION: "second"}),
            ("\ufffc", {PART: 2, FILE: "at_2", TRANSCRIPTION: "first"}),
        ]
    )
    found = bodies.decode(data)
    assert found is not None
    of_body = (found, data, bodies.AUDIO_TRANSCRIPTION)
    assert bodies.attribute_strings(*of_body, most=5) == ["first", "second", "first"]
    assert bodies.attribute_strings(*of_body, most=2) == ["first", "second"]


@pytest.mark.parametrize("length", [10, 20_000])
def test_one_transcript_that_many_runs_refer_to_is_not_longer_than_the_body(length: int) -> None:
    runs = [("\ufffc", {PART: 0, TRANSCRIPTION: "x" * length})] * 40
    data = attributed(runs)
    found = bodies.decode(data)
    assert found is not None
    transcripts = bodies.attribute_strings(found, data, bodies.AUDIO_TRANSCRIPTION, most=100)
    assert set(transcripts) == {"x" * length}
    assert sum(map(len, transcripts)) <= len(data)
    assert length > 10 or len(transcripts) == 40


def test_a_thousand_tiny_bodies_that_stand_for_billions_of_values() -> None:
    header = b"\x04\x0bstreamtyped\x81\xe8\x03"
    bombs = [
        header + b"\x84\x0c[999999999!]",
        header + b"\x84\x7f" + b"!" * 127 + b"\x92" * 1000,
        header + b"\x84\x7f" + b"{" * 63 + b"}" * 64 + b"\x92" * 1000,
        header + b"\x84\x81\xff\xff" + b"{" * 65_535,
        header + (b"\x84\x01@" + b"\x84\x84\x01A\x00\x85") + (b"\x92\x84\x84\x01B\x00\x85") * 5000,
    ]
    begin = time.process_time()
    for bomb in bombs * 200:
        assert text_of(bomb) is None
    assert time.process_time() - begin < 20  # unbounded, the first alone takes minutes


def test_no_damage_makes_it_raise() -> None:
    read_mutated_bodies(10_000)
