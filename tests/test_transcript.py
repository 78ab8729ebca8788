"""The format: what is rendered is parsed back, one newline a line, no forged token."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist import transcript
from ventriloquist.transcript import Header, Line, LineReader, TranscriptError

# every code point but surrogates, with those that break line readers and JSON writers more often
AWKWARD = st.sampled_from(
    [
        '"',
        "\\",
        "\n",
        "\r",
        "\t",
        "\0",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\ufeff",
        "<",
        "|",
        ">",
        "/",
        "a",
        "🔥",
        "é",
    ]
)
TEXT = st.text(st.one_of(AWKWARD, st.characters(exclude_categories=["Cs"])), max_size=40)
NAME = st.one_of(TEXT, st.sampled_from(['O"Brien', "Zoë 🐙", "</s>", "<|im_end|>", "Unknown"]))
LINE = st.builds(Line, NAME, st.sampled_from(transcript.DELTAS), TEXT)
HEADER = st.builds(
    Header, st.sampled_from(["dm", "group"]), st.lists(NAME, max_size=4).map(tuple), st.just("2024-03-15")
)


@given(HEADER, st.lists(LINE, max_size=6))
def test_what_is_rendered_is_parsed_back(header: Header, lines: list[Line]) -> None:
    assert transcript.parse(transcript.render(header, lines)) == (header, lines)


@given(HEADER, st.lists(LINE, max_size=6))
def test_every_line_ends_with_its_only_newline(header: Header, lines: list[Line]) -> None:
    rendered = transcript.render(header, lines)
    assert rendered.endswith("\n")
    assert rendered.count("\n") == 1 + len(lines)


@given(LINE)
def test_a_line_is_plain_json_with_its_keys_in_order(line: Line) -> None:
    assert list(json.loads(transcript.render_line(line)).items()) == list(zip(Line._fields, line, strict=True))


@given(LINE)
def test_no_rendered_line_holds_the_beginning_of_a_special_token(line: Line) -> None:
    rendered = transcript.render_line(line)
    followers = [rendered[i + 1] for i, character in enumerate(rendered[:-1]) if character == "<"]
    assert not [c for c in followers if c in "|/" or (c.isascii() and c.isalpha())]


def test_a_line_looks_as_it_is_promised() -> None:
    line = Line("Aidan Allchin", "<1h", '[replying to "doing well, you?"] great thanks!')
    assert transcript.render_line(line) == (
        '{"name": "Aidan Allchin", "delta": "<1h", "content": "[replying to \\"doing well, you?\\"] great thanks!"}'
    )


def test_a_header_looks_as_it_is_promised() -> None:
    header = Header("dm", ("Aidan Allchin", "Contact Name"), "2024-03-15")
    assert transcript.render_header(header) == (
        '{"type": "dm", "members": ["Aidan Allchin", "Contact Name"], "start": "2024-03-15"}'
    )


@pytest.mark.parametrize("token", ["<|endoftext|>", "</think>", "<tool_call>", "<s>"])
def test_would_be_special_tokens_are_escaped_in_names_and_contents(token: str) -> None:
    rendered = transcript.render_line(Line(token, "<1m", f"x {token}"))
    assert token not in rendered
    assert rendered.count("\\u003c") == 2
    assert "<1m" in rendered


@pytest.mark.parametrize("text", ["a < b", "<3", "<<", "1<2", "<"])
def test_an_innocent_less_than_stays(text: str) -> None:
    assert text in transcript.render_line(Line("A", "<1m", text))


def test_lone_surrogates_become_replacement_characters() -> None:
    assert transcript.well_formed("a\ud83db") == "a\ufffdb"
    assert transcript.well_formed("🔥") == "🔥"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        '["name"]',
        '{"name": "A", "delta": "<1m"}',
        '{"delta": "<1m", "name": "A", "content": "x"}',
        '{"name": "A", "delta": "<1m", "content": "x", "more": 1}',
        '{"name": "A", "name": "B", "delta": "<1m", "content": "x"}',
        '{"name": "A", "delta": "<2m", "content": "x"}',
        '{"name": "A", "delta": "<1m", "content": null}',
        '{"name": "A", "delta": "<1m", "content": "x"} {}',
        '{"name": "A", "delta": "<1m", "content": "a\nb"}',
        "[" * 100_000,
    ],
)
def test_what_is_not_a_line_is_refused(text: str) -> None:
    with pytest.raises(TranscriptError):
        transcript.parse_line(text)


@pytest.mark.parametrize("members", ["{}", '"Sam"', "[1]", "null"])
def test_members_that_are_no_list_of_names_are_refused(members: str) -> None:
    with pytest.raises(TranscriptError, match="members"):
        transcript.parse_header(f'{{"type": "dm", "members": {members}, "start": "2024-03-15"}}')


def test_a_transcript_without_its_last_newline_is_refused() -> None:
    with pytest.raises(TranscriptError):
        transcript.parse(transcript.render(Header("dm", ("A",), "2024-01-01"), [Line("A", "<1m", "x")])[:-1])


@given(LINE, st.data())
def test_a_line_that_is_still_being_written_is_read_as_it_comes(line: Line, data: st.DataObject) -> None:
    raw = (transcript.render_line(line) + "\n").encode()
    reader = LineReader()
    shown = ""
    while raw:
        size = data.draw(st.integers(1, len(raw)))
        piece, raw = raw[:size], raw[size:]
        shown += reader.feed(piece)
        assert line.content.startswith(shown)
    assert (reader.name, reader.delta, shown, reader.finished) == (*line, True)


def test_a_reader_never_shows_half_of_an_escaped_pair() -> None:
    reader = LineReader()
    opening = b'{"name": "A", "delta": "<1m", "content": "x'
    assert reader.feed(opening + b"\\ud83d") == "x"
    assert reader.feed(b"\\ude00") == "😀"
    assert not reader.finished


@pytest.mark.parametrize(
    ("milliseconds", "bucket"),
    [
        (0, "<1m"),
        (59_999, "<1m"),
        (60_000, "<5m"),
        (299_999, "<5m"),
        (300_000, "<1h"),
        (3_600_000, "<12h"),
        (12 * 3_600_000, "<1d"),
        (86_399_999, "<1d"),
        (86_400_000, "1d+"),
        (10**12, "1d+"),
    ],
)
def test_a_delta_falls_into_the_bucket_it_is_below(milliseconds: int, bucket: str) -> None:
    assert transcript.delta_bucket(milliseconds) == bucket


def test_a_text_is_split_at_line_breaks_and_nothing_else() -> None:
    assert transcript.text_lines("a\nb\r\nc\rd\u2028e\x85f\n \n\n g") == ["a", "b", "c", "d\u2028e\x85f", " g"]
    assert transcript.text_lines(" \n\t\r\n") == []


@pytest.mark.parametrize(
    ("attachment", "placeholder"),
    [
        (("image/jpeg", "a.jpg", None), "[photo]"),
        ((None, "IMG_1.HEIC", None), "[photo]"),
        (("video/quicktime", None, None), "[video]"),
        (("audio/x-caf", "Audio Message.caf", "see you\nsoon"), "[voice message: see you soon]"),
        (("audio/x-caf", "Audio Message.caf", None), "[voice message]"),
        (("application/pdf", "tax\nreturn.pdf", None), "[file: tax return.pdf]"),
        ((None, None, None), "[file]"),
    ],
)
def test_an_attachment_has_a_placeholder(attachment: tuple[str | None, ...], placeholder: str) -> None:
    assert transcript.attachment_placeholder(*attachment) == placeholder


def test_a_quote_is_folded_and_cut_at_sixty_characters() -> None:
    assert transcript.quote(" a \n\t b ") == "a b"
    assert transcript.quote("x" * 60) == "x" * 60
    assert transcript.quote("x" * 61) == "x" * 60 + "…"
    assert transcript.reply_marker("hi  there") == '[replying to "hi there"] '


def test_a_reaction_says_what_was_done_to_what() -> None:
    assert transcript.reaction_content("love", None, "hi") == '[loved "hi"]'
    assert transcript.reaction_content("laugh", None, "hi") == '[laughed at "hi"]'
    assert transcript.reaction_content("emoji", "🔥", "hi") == '[reacted 🔥 to "hi"]'
    assert transcript.reaction_content("emoji", " \n", "hi") == '[reacted ? to "hi"]'
    assert transcript.reaction_content("emoji", "a\nb" * 50, "hi") == f'[reacted {"a b" * 20}… to "hi"]'
    assert transcript.reaction_content("sticker", None, "hi") == '[sticker on "hi"]'


def test_members_begin_with_the_owner_and_end_with_the_unknown() -> None:
    assert transcript.order_members("Zed", ["Unknown", "Bea", "Zed", "Ann"]) == ("Zed", "Ann", "Bea", "Unknown")


@given(LINE)
def test_a_lines_parts_lie_where_they_are_said_to(line: Line) -> None:
    rendered = transcript.render_line(line)
    name_end, content_start = transcript.content_span(line)
    assert rendered.startswith(transcript.line_opening(line.name))
    assert rendered[name_end - 1 : name_end + 1] == '",'
    assert rendered[:content_start].endswith('"content": "')
    assert json.loads('"' + rendered[content_start:-1]) == line.content


@given(st.text())
def test_a_quote_of_a_quote_is_the_quote(text: str) -> None:
    once = transcript.quote(text)
    assert transcript.quote(once) == once


TARGETS = ["how are you", 'he said "no"', 'see ["a"] there', 'two ["a"] and ["b"] here', "[photo]", "[", "x" * 80, "…"]


@pytest.mark.parametrize("target", [*TARGETS, 'cut in [the middle "'.ljust(70, "x")])
def test_the_marker_of_a_reply_is_removed_whatever_it_quotes(target: str) -> None:
    for typed in ("yes", 'yes ["really"] yes', "", '[replying to "x"] y'):
        assert transcript.without_reply_marker(transcript.reply_marker(target) + typed) == typed


@pytest.mark.parametrize("content", ["hello", "", '[replying to "', '[replying to "x"]y', 'a [replying to "x"] y'])
def test_a_content_without_a_marker_stays_as_it_is(content: str) -> None:
    assert transcript.without_reply_marker(content) == content
