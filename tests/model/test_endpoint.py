"""A served model: what it writes is checked, and what it cannot do is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from completions_server import Reply, serving, writing
from invented import NAMES, Tiny, conversation

from ventriloquist.errors import ModelError
from ventriloquist.model.address import read_address
from ventriloquist.model.endpoint import TRIES, Endpoint, checked_line
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.partial_line import Piece
from ventriloquist.model.sampling import Sampling
from ventriloquist.transcript import Line, line_opening, parse_line, render_header, render_line

OPENING = line_opening("Kim") + ' "delta":'
HEADER, SAID = conversation(4, seed=1)
CONTEXT = [render_header(HEADER) + "\n", *(render_line(line) + "\n" for line in SAID)]


def replies(*texts: str) -> Reply:
    """Return a reply that says each of the texts once, then the last one for ever."""
    left = list(texts)
    return lambda asked: [left.pop(0) if len(left) > 1 else left[0]]


def read(*texts: str) -> list[Piece]:
    return list(checked_line(OPENING, texts))


@pytest.mark.parametrize(
    ("texts", "content"),
    [
        ([' "<5m", "content": "hello', ' you"}'], "hello you"),
        ([' "<5m", "content": "a \\"b\\" \\u003c|x|> \\ud83d', '\\ude00"}'], 'a "b" <|x|> 😀'),
        ([' "<5m", "content": "no end'], "no end"),
        ([' "<5m", "content": "one"}\n{"name": "Zoë Field", "delta": "<1m", "content": "forged"}'], "one"),
        ([' "<5m", "content": "one\\ntwo"}'], "one"),
        ([' "<5m", "content": "raw\nbreak"}'], "raw"),
        ([' "<5m", "content": "a bad \\x escape"}'], "a bad "),
        ([' "<5m", "content": "a\u2028b\x85c"}'], "a\u2028b\x85c"),
        ([' "<5m", "content": "half \ud83d"}'], "half \ufffd"),
        ([' "<5m", "content": "' + "x" * 9000], "x" * 9000),
    ],
)
def test_a_line_ends_where_it_stops_being_one(texts: list[str], content: str) -> None:
    pieces = read(*texts)
    line = pieces[-1].line
    assert line == Line("Kim", "<5m", content)
    assert "".join(piece.text for piece in pieces) == content
    assert parse_line(render_line(line)) == line
    assert [piece.line for piece in pieces[:-1]] == [None] * (len(pieces) - 1)


@pytest.mark.parametrize(
    "text",
    [
        ' "<2m", "content": "hi"}',
        ' "<5m", "content": "  "}',
        ' "<5m", "content": "\\n"}',
        '"<5m", "content": "hi"}',
        ' "<5m", "text": "hi"}',
        "",
        "Sure! Here is a message",
    ],
)
def test_nothing_is_shown_of_a_line_that_is_wrong_from_the_start(text: str) -> None:
    assert read(text) == read(*text) == []


def test_a_server_without_end_is_left() -> None:
    def endless(text: str) -> Iterator[str]:
        while True:
            yield text

    assert list(checked_line(OPENING, endless("blah "))) == []
    assert list(checked_line(f'{OPENING} "<1m", "content": "', endless("blah ")))[-1].line is not None


def test_lines_come_from_a_server_as_they_are_written(tiny_model: Tiny) -> None:
    greedy = Sampling(temperature=0)
    with serving(writing(LineWriter(tiny_model.model, tiny_model.tokenizer, sampling=greedy, max_tokens=30))) as served:
        endpoint = Endpoint(served.url, seed=3, sampling=Sampling(temperature=0.7, name_guidance=2))
        name = endpoint.next_name(CONTEXT, NAMES)
        pieces = list(endpoint.write(CONTEXT, (name,)))
        lines = endpoint.candidates(CONTEXT, NAMES, 2)
    assert name in NAMES
    assert len(pieces) > 1
    assert pieces[-1].line is not None
    assert pieces[-1].line.name == name
    assert len(lines) == 2
    first, second = served.asked[:2]
    assert first["prompt"] == "".join(CONTEXT)
    assert second["prompt"] == "".join(CONTEXT) + line_opening(name) + ' "delta":'
    assert (first["model"], first["temperature"], first["stop"], first["seed"]) == ("tiny", 0.7, ["\n"], 3)
    assert second["seed"] == 4
    assert second["name_guidance"] == 2  # which vq serve knows


def test_a_line_that_is_wrong_is_asked_for_again() -> None:
    with serving(replies("nonsense", ' "<9m", "content": "no"}', ' "<1m", "content": "yes"}')) as served:
        (piece,) = Endpoint(served.url).write(CONTEXT, ("Kim",))
    assert piece.line == Line("Kim", "<1m", "yes")
    assert len({asked["seed"] for asked in served.asked}) == 3


def test_a_name_that_nobody_has_is_asked_for_again() -> None:
    with serving(replies('{"name": "Kimberley", "d', "Kim", '{"name": "Kim", "delta": ')) as served:
        assert Endpoint(served.url).next_name(CONTEXT, NAMES) == "Kim"
    assert len(served.asked) == 3


def test_a_model_that_writes_no_lines_is_given_up() -> None:
    with serving(replies("As an AI language model, I")) as served:
        endpoint = Endpoint(served.url)
        for ask in (lambda: endpoint.next_name(CONTEXT, NAMES), lambda: list(endpoint.write(CONTEXT, ("Kim",)))):
            with pytest.raises(ModelError, match="does not write lines"):
                ask()
    assert len(served.asked) == 2 * TRIES


def test_a_server_that_refuses_what_openai_does_not_know_is_asked_without() -> None:
    with serving(replies(' "<1m", "content": "yes"}'), refuse=["min_p", "top_k"]) as served:
        endpoint = Endpoint(served.url)
        for _ in range(2):
            assert list(endpoint.write(CONTEXT, ("Kim",)))
    assert ["min_p" in asked for asked in served.asked] == [True, True, False, False]


def test_a_server_that_knows_min_p_and_refuses_name_guidance_is_asked_for_min_p(tiny_model: Tiny) -> None:
    with serving(replies(' "<1m", "content": "yes"}'), refuse=["name_guidance"]) as served:
        endpoint = Endpoint(served.url)
        for _ in range(2):
            assert list(endpoint.write(CONTEXT, ("Kim",)))
    assert [("min_p" in asked, "name_guidance" in asked) for asked in served.asked] == [
        (True, True),
        *[(True, False)] * 2,
    ]


def test_of_several_models_one_must_be_named() -> None:
    with serving(replies(' "<1m", "content": "yes"}'), models=["one", "two"]) as served:
        with pytest.raises(ModelError) as caught:
            Endpoint(served.url)
        assert "one, two" in caught.value.hint
        list(Endpoint(served.url, model="two").write(CONTEXT, ("Kim",)))
    assert served.asked[0]["model"] == "two"


def _write(url: str, **settings: Any) -> Iterable[Piece]:
    return list(Endpoint(url, **settings).write(CONTEXT, ("Kim",)))


def test_a_server_that_fails_is_named_with_what_it_says() -> None:
    with serving(replies(""), status=500) as served:
        with pytest.raises(ModelError, match=r"500.*no such"):
            _write(served.url)
    with pytest.raises(ModelError, match="cannot be reached"):
        Endpoint(served.url)  # it is gone
    with pytest.raises(ModelError, match="cannot be reached"):
        _write(served.url, model="tiny")


def test_an_address_may_be_written_as_servers_print_theirs() -> None:
    expected = "http://127.0.0.1:8080/v1/"
    for address in ("127.0.0.1:8080", "http://127.0.0.1:8080/", expected, f"{expected}completions"):
        assert read_address(address).url == expected


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:80x", "http://[nowhere", "ftp://127.0.0.1", "", "http://", "http://a b", "http://h/v1?key=x"],
)
def test_what_is_not_an_address_is_said_so(address: str) -> None:
    with pytest.raises(ModelError, match="--endpoint") as caught:
        Endpoint(address)
    assert "http://127.0.0.1:8080/v1" in caught.value.hint


LOOPBACK = [
    "localhost:1",
    "http://LOCALHOST:1",
    "127.0.0.1:80",
    "http://127.255.0.9",
    "http://[::1]:80/v1",
    "http://[::1%25lo0]:80",
    "http://[::ffff:127.0.0.1]",
    "http://evil.example@127.0.0.1",
]
ELSEWHERE = [
    "localhost.",
    "127.evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "localhost@evil.example",
    "http://localhost:80@evil.example/",
    "http://127.0.0.1\\@evil.example",
    "HTTP://EVIL.EXAMPLE/localhost",
    "http://evil.example/127.0.0.1",
    "http://2130706433",
    "http://0x7f000001",
    "http://127.1",
    "http://0.0.0.0",
    "http://[::]",
    "http://[fe80::1%25lo0]",
    "http://[::ffff:192.0.2.1]",
    "http://192.168.1.2",
    "http://foo.localhost",
    "http://%6cocalhost",
]


@pytest.mark.parametrize(("address", "is_local"), [*((a, True) for a in LOOPBACK), *((a, False) for a in ELSEWHERE)])
def test_loopback_is_told_from_names_that_look_like_it(address: str, is_local: bool) -> None:
    try:
        assert read_address(address).is_local is is_local
    except ModelError:
        assert not is_local


def test_the_name_and_password_of_an_address_are_not_shown() -> None:
    address = read_address("https://robin:secret@example.com:8080/v1/")
    assert (address.url, address.login) == ("https://example.com:8080/v1/", ("robin", "secret"))
    assert "secret" not in f"{address} {address.shown}"


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(replies(' "<1m", "content": "yes"}')) as served:
        assert _write(served.url)
