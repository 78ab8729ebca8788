"""Which names of a server a browser may use."""

from __future__ import annotations

import socket

import pytest

from ventriloquist.serve.hosts import Names

LOOPBACK = Names("127.0.0.1")


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:8137", "127.0.0.1", "localhost:8137", "LocalHost", "localhost.:8137", "[::1]:8137"),
        *("127.0.0.2:9000", "host.docker.internal:8137"),
    ],
)
def test_the_loopback_interface_is_called_by_its_own_names(host: str) -> None:
    assert LOOPBACK.allows(host)


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:8137", "127.0.0.1.evil.example", "localhost.evil.example", "evil-localhost"),
        *("0.0.0.0:8137", "[::]:8137", "192.168.1.5:8137", "[fe80::1]", "[::ffff:192.168.1.5]", "2130706433", "0x7f.1"),
        *("", " ", ":8137", "user@127.0.0.1", "127.0.0.1@evil.example", "127.0.0.1:8137@evil.example", "127.0.0.1:x"),
        *("127.0.0.1:123456", "127.0.0.1, evil.example", "127.0.0.1/evil", "[::1", "::1", "localhost..", "lоcalhost"),
        socket.gethostname() + ".example",
    ],
)
def test_no_other_name_is_the_loopback_interface(host: str) -> None:
    assert not LOOPBACK.allows(host)


def test_an_open_server_is_called_by_its_addresses_and_by_the_machines_name_alone() -> None:
    names = Names("0.0.0.0")
    own = socket.gethostname()
    assert all(map(names.allows, ("192.168.1.5:8137", "[2001:db8::1]:8137", "localhost", own, own.upper() + ":8137")))
    assert not any(map(names.allows, ("evil.example", "0.0.0.0:8137", f"{own}.evil.example")))
    assert Names("box.example").allows("BOX.example.:8137")


def test_the_page_of_this_server_is_the_only_origin() -> None:
    assert LOOPBACK.is_same("http://127.0.0.1:8137", "127.0.0.1:8137")
    assert LOOPBACK.is_same("http://LOCALHOST:8137", "localhost:8137")
    assert LOOPBACK.is_same("http://localhost", "localhost:80")
    assert LOOPBACK.is_same("http://[::1]:9", "[::1]:9")
    for origin in (
        *(
            "null",
            "",
            "http://evil.example",
            "http://127.0.0.1:3000",
            "https://127.0.0.1:8137",
            "http://localhost:8137",
        ),
        *("http://127.0.0.1", "http://127.0.0.1:8137/", "http://127.0.0.1:8137.evil.example", "127.0.0.1:8137"),
        "file://127.0.0.1:8137",
    ):
        assert not LOOPBACK.is_same(origin, "127.0.0.1:8137")


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        *(("127.0.0.1", True), ("127.0.0.9", True), ("::1", True), ("localhost", True), ("LOCALHOST.", True)),
        *(("0.0.0.0", False), ("::", False), ("192.168.1.5", False), ("box", False), ("::ffff:127.0.0.1", True)),
        ("localhost.example", False),
    ],
)
def test_only_loopback_addresses_need_no_token(bound: str, expected: bool) -> None:
    assert Names(bound).is_loopback == expected
