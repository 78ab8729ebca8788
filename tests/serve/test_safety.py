"""Host, Origin, token and size: what every request passes, over a real socket."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running import KIM, TOKEN, Running, chat_body, running

from ventriloquist import serve
from ventriloquist.errors import SettingsError
from ventriloquist.serve import safety, server

PATHS = ("/", "/page.css", "/page.js", "/page/about", "/page/opening?model=Kim")


@pytest.fixture(scope="module")
def guarded(run: Path, garden: Path) -> Iterator[Running]:
    """A server whose user asked for a token."""
    with running(garden, run, token=TOKEN) as served:
        yield served


def raw(served: Running, data: bytes, *, seconds: float = 10) -> bytes:
    """Send bytes and return all that comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=seconds) as connection:
        connection.sendall(data)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def test_every_path_refuses_another_host_and_another_origin(served: Running) -> None:
    own = f"http://127.0.0.1:{served.port}"
    for path in (*PATHS, "/v1/models", "/v1/models/Kim"):
        for headers in (
            {"Host": "evil.example"},
            {"Host": f"127.0.0.1.evil.example:{served.port}"},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://127.0.0.1:1"},
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
            {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
        ):
            response = served.get(path, headers={**served.bearer, **headers})
            assert response.status_code == 403, (path, headers)
            assert set(response.json()["error"]) == {"message", "type", "param", "code"}
        assert served.get(path, headers={**served.bearer, "Origin": own}).status_code in (200, 404)
    for path in ("/v1/chat/completions", "/v1/completions"):
        body = chat_body(KIM, "hello", prompt="x")
        assert served.post(path, body, headers={"Origin": "null"}).status_code == 403
        assert served.post(path, body, headers={"Host": "evil.example"}).status_code == 403


def test_a_request_with_two_hosts_or_none_is_refused(served: Running) -> None:
    for hosts in (b"", b"Host: 127.0.0.1\r\nHost: evil.example\r\n"):
        answer = raw(served, b"GET /v1/models HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
        assert answer.split(b" ")[1] in (b"400", b"403")
    answer = raw(served, b"GET /v1/models HTTP/1.0\r\n\r\n")
    assert answer.split(b" ")[1] == b"403"


def test_the_page_needs_the_token_and_front_ends_on_this_machine_do_not(served: Running) -> None:
    for path in PATHS:
        assert served.get(path).status_code == 401
        assert served.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert served.get(path, headers={"Cookie": f"vq-{served.port}=wrong"}).status_code == 401
        assert served.get(path, headers=served.bearer).status_code in (200, 404)  # 404: the page is not built
    for headers in ({}, {"Authorization": "Bearer sk-anything"}, {"Authorization": "nonsense"}):
        assert served.get("/v1/models", headers=headers).status_code == 200


@pytest.mark.parametrize("name", ["host.docker.internal", "HOST.docker.internal.", "host.containers.internal"])
def test_by_a_name_that_the_dns_of_a_network_can_give_to_a_page_front_ends_need_the_token(
    served: Running, name: str
) -> None:
    host = {"Host": f"{name}:{served.port}"}
    for more in ({}, {"Authorization": "Bearer sk-anything"}, {"Origin": f"http://{name}:{served.port}"}):
        assert served.get("/v1/models", headers={**host, **more}).status_code == 401
    assert served.post("/v1/chat/completions", chat_body(KIM, "hi"), headers=host).status_code == 401
    assert served.get("/v1/models", headers={**host, **served.bearer}).status_code == 200


def test_the_token_in_the_address_becomes_a_cookie_that_scripts_and_other_sites_do_not_see(served: Running) -> None:
    assert served.get("/?token=wrong").status_code == 401
    moved = served.get(f"/?token={served.plan.token}")
    assert moved.status_code == 303
    assert moved.headers["location"] == "/"
    cookie = moved.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert served.plan.token not in cookie
    value = cookie.partition(";")[0]
    assert served.get("/page/about", headers={"Cookie": f"a=b; {value}"}).json()["me"] == served.plan.directory.me
    assert served.get("/page/about", headers={"Cookie": f"vq-{served.port}={served.plan.token}"}).status_code == 401


def test_with_a_token_of_the_user_everything_needs_it(guarded: Running) -> None:
    for path in (*PATHS, "/v1/models"):
        assert guarded.get(path).status_code == 401
    refused = guarded.post("/v1/chat/completions", chat_body(KIM, "hi"), headers={"Authorization": "Bearer wrong"})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["error"]["type"] == "authentication_error"
    assert refused.json()["error"]["code"] == "invalid_api_key"
    assert guarded.get("/v1/models", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
    assert guarded.get("/v1/models", headers={"Authorization": f"Bearer {TOKEN}ü".encode()}).status_code == 401


def test_every_answer_forbids_what_the_page_does_not_need(served: Running) -> None:
    for response in (
        served.get("/v1/models"),
        served.get("/"),
        served.get("/nothing"),
        served.get("/v1/models", headers={"Host": "evil.example"}),
        served.post("/v1/chat/completions", chat_body(KIM, "hi")),
    ):
        for name, value in safety.HEADERS.items():
            assert response.headers[name] == value
        assert not any(name.startswith("access-control") for name in response.headers)


def test_a_path_that_is_not_there_asks_for_no_key_unless_the_user_set_one(served: Running, guarded: Running) -> None:
    for path in ("/v1", "/nothing", "/foo/v1/models", "/page/about%0A", "//page/about"):
        missing = served.get(path)
        assert missing.status_code == 404
        assert missing.json()["error"]["message"] == "There is nothing at this address. The API is at /v1."
        assert guarded.get(path).status_code == 401


def test_other_paths_and_methods_are_openais_errors(served: Running) -> None:
    assert served.get("/v1/nothing").json()["error"]["code"] == "not_found"
    wrong = served.get("/v1/chat/completions")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "POST"
    url = f"{served.url}/v1/chat/completions"
    assert httpx.options(url).status_code == 204
    assert httpx.head(f"{served.url}/v1/models").status_code == 200
    assert httpx.delete(f"{served.url}/v1/models").status_code == 405


def test_a_body_that_is_too_large_is_refused_without_being_held(served: Running) -> None:
    """Whether its length is said before, is wrong, or comes in chunks."""
    large = b"x" * (safety.MOST_BODY + 1)
    url = f"{served.url}/v1/chat/completions"
    assert httpx.post(url, content=large).status_code == 413
    chunked = httpx.post(url, content=(large[at : at + 50_000] for at in range(0, len(large), 50_000)))
    assert chunked.status_code == 413
    assert chunked.json()["error"]["message"].startswith("The body has more than 1 MiB.")
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 104857600\r\n\r\n"
    started = time.monotonic()
    assert raw(served, head).split(b" ")[1] == b"413"  # before any of it is sent
    assert time.monotonic() - started < 8
    assert served.get("/v1/models").status_code == 200


def test_a_client_that_sends_a_large_body_to_its_end_reads_why_it_is_refused(served: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("POST", "/v1/chat/completions", b"x" * (20 << 20))
    assert connection.getresponse().status == 413
    connection.close()


def test_more_requests_at_once_than_the_server_holds_are_refused(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safety, "MOST_REQUESTS", 0)
    refused = served.get("/v1/models")
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["type"] == "server_error"
    monkeypatch.undo()
    assert served.get("/v1/models").status_code == 200


def test_a_slow_sender_is_cut_off(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HEADER_SECONDS", 0.3)
    monkeypatch.setattr(safety, "BODY_SECONDS", 0.3)
    monkeypatch.setattr(safety, "DRAIN_SECONDS", 0.1)
    assert raw(served, b"") == b""
    assert raw(served, b"GET /v1/mod") == b""
    begun = b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\n{"
    assert raw(served, begun).split(b" ")[1] == b"408"
    again = b"GET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET /v1"  # the second request never ends
    assert raw(served, again).count(b"HTTP/1.1 200") == 1


def test_the_log_has_no_words_no_names_and_no_tokens(served: Running) -> None:
    del served.log[:]
    served.chat(KIM, "a secret")
    served.get(f"/?token={served.plan.token}")
    served.get("/page/opening?model=Kim&secret=secret", headers=served.bearer)
    served.get("/v1/models/secret")
    served.get("/secret")
    served.post("/v1/chat/completions", {"model": "secret", "messages": []})
    raw(served, b"SECRET /v1/models HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    time.sleep(0.2)
    assert len(served.log) == 7
    log = "\n".join(served.log)
    assert "POST /v1/chat/completions 200" in log
    for word in ("secret", "SECRET", "Kim", served.plan.token):
        assert word not in log


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "box.example"])
def test_anything_but_loopback_needs_a_token(run: Path, garden: Path, host: str) -> None:
    with pytest.raises(SettingsError, match="other machines could read the chats") as refused:
        serve.plan(garden, serve.ServeOptions(run=str(run), host=host))
    assert "VQ_SERVE_TOKEN=" in refused.value.hint
    assert serve.plan(garden, serve.ServeOptions(run=str(run), host=host, token=TOKEN)).is_open


@pytest.mark.parametrize("token", ["sh0rt", "a" * 15, "with a space in it, long", "ünïcödé-ünïcödé-ünïcödé", "a;b" * 9])
def test_a_token_that_is_short_or_fits_no_address_is_refused(run: Path, garden: Path, token: str) -> None:
    with pytest.raises(SettingsError) as refused:
        serve.plan(garden, serve.ServeOptions(run=str(run), token=token))
    assert token not in refused.value.what + refused.value.hint


def test_a_made_up_token_is_long_and_new(run: Path, garden: Path) -> None:
    first, second = (serve.plan(garden, serve.ServeOptions(run=str(run))).token for _ in range(2))
    assert first != second
    assert len(first) >= 32


def test_errors_never_repeat_a_body(served: Running) -> None:
    for body in (
        '{"model": "Kim", "messages": "my secret"}',
        '{"model": "Kim", "messages": [{"role": ["my secret"]}]}',
        '{"model": "Kim", "messages": [{"role": "user", "content": {"my secret": 1}}]}',
        '{"model": "Kim", "messages": [], "temperature": "my secret"}',
        '{"model": "Kim", "messages": [], "ventriloquist": {"speaker": ["my secret"]}}',
        "my secret",
        '{"my secret',
    ):
        response = httpx.post(f"{served.url}/v1/chat/completions", content=body.encode())
        assert response.status_code == 400
        assert "secret" not in response.text
        assert json.loads(response.text)["error"]["type"] == "invalid_request_error"
