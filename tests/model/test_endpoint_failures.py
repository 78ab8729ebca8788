"""A server that fails: its own words, a bound on everything it sends, a limit in time, and what to do about it."""

from __future__ import annotations

import itertools
import json
import time
import tracemalloc
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler

import pytest
from completions_server import Send, answering, serving
from invented import conversation

from ventriloquist.cli.console import harmless
from ventriloquist.errors import ModelError
from ventriloquist.model.endpoint import Endpoint
from ventriloquist.model.partial_line import Piece
from ventriloquist.transcript import Line, render_header, render_line

HEADER, SAID = conversation(4, seed=1)
CONTEXT = [render_header(HEADER) + "\n", *(render_line(line) + "\n" for line in SAID)]
YES = ' "<1m", "content": "yes"}'
BEGUN = b"data: " + json.dumps({"choices": [{"text": ' "<1m", "content": "half'}]}).encode() + b"\n\n"


def sends(*parts: bytes, status: int = 200, kind: str = "text/event-stream", headers: Iterable[str] = ()) -> Send:
    """Return a server's answer, which ends with its connection."""
    return endlessly(parts, status=status, kind=kind, headers=headers)


def endlessly(
    parts: Iterable[bytes], *, status: int = 200, kind: str = "text/event-stream", headers: Iterable[str] = ()
) -> Send:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        for header in headers:
            handler.send_header(*header.split(": ", 1))
        handler.end_headers()
        for part in parts:
            handler.wfile.write(part)

    return send


def failure(send: Send, **settings: object) -> ModelError:
    """Return the error of asking a server for a line."""
    with answering(send) as served:
        with pytest.raises(ModelError) as caught:
            write(served.url, **settings)
    assert str(caught.value).startswith(served.url)
    assert len(caught.value.what) < 500
    assert "\n" not in caught.value.what + caught.value.hint
    return caught.value


def write(url: str, **settings: object) -> list[Piece]:
    return list(Endpoint(url, **settings).write(CONTEXT, ("Kim",)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "body",
    [
        b'data: {"error": {"message": "CUDA out of memory", "code": 500}}\n\n',
        b'data: {"error": "CUDA out of memory"}\n\n',
        b'data: {"object": "error", "message": "CUDA out of memory"}\r\n\r\n',
        b'error: {"message": "CUDA out of memory"}\n\n',
        b"event: error\ndata: CUDA out of memory\n\n",
        b'event: error\ndata: {"detail": [{"loc": ["body"], "msg": "CUDA out of memory"}]}\n\n',
        b'data: {"choices": [{"text": "", "error": {"message": "CUDA out of memory"}}]}\n\n',
        b'data: {"error":\ndata:  "CUDA out of memory"}\n\n',
        BEGUN + b'data: {"error": {"message": "CUDA out of memory"}}\n\n',
        b'{\n  "error": {\n    "message": "CUDA out of memory"\n  }\n}',
        b"<html><head><title>x</title></head><body><h1>CUDA out\nof memory</h1></body></html>",
        b"CUDA out of memory",
    ],
)
def test_a_server_says_in_its_own_words_what_failed_within_its_answer(body: bytes) -> None:
    assert "CUDA out of memory" in failure(sends(body)).what


def test_its_words_are_bounded_and_cannot_drive_a_terminal() -> None:
    words = "\x1b]52;c;aGk=\x07\x9b31m\u202e\n\u2028forged " + "long " * 100_000
    for body in (f"data: {json.dumps({'error': words})}\n\n".encode(), words.encode()):
        what = failure(sends(body)).what
        assert "forged long" in what
        assert harmless(what).isprintable()


@pytest.mark.parametrize(
    ("status", "body", "advice"),
    [
        (401, b'{"error": {"message": "Missing bearer"}}', "VQ_API_KEY"),
        (403, b"Forbidden", "key"),
        (404, b'{"error": "model \'tiny\' not found"}', "--endpoint-model"),
        (404, b"<html><body>404 Not Found</body></html>", "Correct --endpoint"),
        (405, b"Method Not Allowed", "Correct --endpoint"),
        (429, b'{"error": {"message": "Rate limit"}}', "wait 7 seconds"),
        (400, b'{"message": "This model\'s maximum context length is 2048 tokens"}', "longer context"),
        (500, b"Internal Server Error", "own messages"),
        (502, b"<html><h1>Bad Gateway</h1></html>", "whether it runs"),
        (503, b'{"error": {"message": "Loading model", "code": 503}}', "Wait until it has loaded"),
        (503, b"", "Wait"),
        (504, b"", "in time"),
    ],
)
def test_each_status_has_its_own_advice(status: int, body: bytes, advice: str) -> None:
    error = failure(sends(body, status=status, kind="text/plain", headers=["Retry-After: 7"]))
    assert f"answers {status}: " in error.what
    assert advice in error.hint


@pytest.mark.parametrize(
    ("models", "what", "advice"),
    [
        (sends(b"no", status=401), "answers 401: no", "VQ_API_KEY"),
        (sends(b"", status=404), "does not say which model", "--endpoint-model"),
        (sends(b'{"data": [{"id": NaN}]}'), "does not say which model", "--endpoint-model"),
        (sends(b"[" * 200_000), "does not say which model", "--endpoint-model"),
        (endlessly(itertools.repeat(b"x" * 65536)), "does not say which model", "--endpoint-model"),
        (sends(json.dumps({"data": [{"id": f"m{n}"} for n in range(9000)]}).encode()), "9000 models", "m0, m1, "),
    ],
)
def test_a_list_of_models_that_is_none_has_the_same_advice(models: Send, what: str, advice: str) -> None:
    with answering(sends(b""), models) as served:
        with pytest.raises(ModelError) as caught:
            Endpoint(served.url)
    assert what in caught.value.what
    assert advice in caught.value.hint
    assert len(caught.value.hint) < 300


@pytest.mark.parametrize(
    ("body", "what", "advice"),
    [
        (BEGUN + b'data: {"choices": [{"te', "broke off in the middle", "own messages"),
        (BEGUN, "broke off in the middle", "own messages"),
        (b"", "broke off in the middle", "own messages"),
        (b"data: NaN\n\n", "not numbers: NaN", "precision"),
        (b'data: {"choices": [{"text": NaN}]}\n\n', "not numbers", "precision"),
        (b"data: " + b"[" * 200_000 + b"\n\n", "nested too deeply", "--endpoint"),
        (b"[" * 200_000, "nested too deeply", "--endpoint"),
        (b'data: {"choices": {}}\n\n', "does not speak", "/v1/completions"),
        (b'data: {"choices": [3]}\n\n', "does not speak", "/v1/completions"),
        (b'data: {"choices": [{"text": 3}]}\n\n', "does not speak", "/v1/completions"),
        (b'data: {"choices": [{"text": ["x"]}]}\n\n', "does not speak", "/v1/completions"),
        (b"data: null\n\n", "does not speak", "/v1/completions"),
        (b"data: hello\n\n", "does not speak", "/v1/completions"),
        (b'data: {"a": ' + b"1" * 5000 + b"}\n\n", "does not speak", "/v1/completions"),
        (b"data: \xff\xfe\n\n", "does not speak", "/v1/completions"),
    ],
)
def test_what_is_no_completion_has_its_own_advice(body: bytes, what: str, advice: str) -> None:
    error = failure(sends(body))
    assert what in error.what
    assert advice in error.hint


def test_figures_that_are_no_numbers_beside_the_text_do_no_harm() -> None:
    event = f'data: {{"choices": [{{"text": {json.dumps(YES)}, "logprobs": [NaN, -Infinity]}}]}}\n\n'.encode()
    with answering(sends(event)) as served:
        assert write(served.url)[-1].line == Line("Kim", "<1m", "yes")


@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n"])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_events_are_read_however_they_are_cut(end: bytes, size: int) -> None:
    event = json.dumps({"choices": [{"text": YES}]}).encode()
    body = (
        b"\xef\xbb\xbf: hello"
        + end
        + b"id: 1"
        + end[: len(end) // 2 or 1]
        + b"data:"
        + event
        + end
        + b"data: [DONE]"
        + end
    )
    with answering(sends(*(body[at : at + size] for at in range(0, len(body), size)))) as served:
        assert write(served.url)[-1].line == Line("Kim", "<1m", "yes")


def test_a_server_that_does_not_stream_is_read() -> None:
    body = json.dumps({"choices": [{"text": YES, "finish_reason": "stop"}]}, indent=2).encode()
    with answering(sends(body, kind="application/json")) as served:
        assert write(served.url)[-1].line == Line("Kim", "<1m", "yes")


@pytest.mark.parametrize(
    ("begin", "part", "what"),
    [
        (b"", b"x" * 65536, "MiB"),
        (b"data: ", b"x" * 65536, "MiB"),
        (b"", b"data: {\n" * 8192, "MiB"),
        (b"", b": keep-alive\n\n" * 4096, "writes nothing"),
        (b"", b'data: {"choices": []}\n\n' * 4096, "MiB"),
        (b"{", b'"a":1,\n' * 8192, "does not speak"),
    ],
)
def test_a_body_without_end_is_left_within_bounded_memory(begin: bytes, part: bytes, what: str) -> None:
    tracemalloc.start()
    try:
        error = failure(endlessly(itertools.chain([begin], itertools.repeat(part))))
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert what in error.what


def _slowly(*parts: bytes) -> Iterable[bytes]:
    for part in itertools.chain(parts[:-1], itertools.repeat(parts[-1])):
        time.sleep(0.05)
        yield part


@pytest.mark.parametrize("parts", [(b": keep-alive\n\n",), (b"d",), (BEGUN, b": wait\n"), (BEGUN, b"data: ", b" ")])
def test_a_server_that_goes_on_without_a_line_is_left_in_time(parts: tuple[bytes, ...]) -> None:
    error = failure(endlessly(_slowly(*parts)), seconds=1)
    assert "within 1 seconds" in error.what
    assert "--endpoint-timeout" in error.hint


def test_a_server_that_falls_silent_is_left_in_time() -> None:
    for begin in (b"", b"HTTP/1.1 200 O", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n" + BEGUN):

        def send(handler: BaseHTTPRequestHandler, begin: bytes = begin) -> None:
            handler.wfile.write(begin)
            time.sleep(3)

        assert "within 1 seconds" in failure(send, seconds=1).what


def test_headers_that_trickle_are_left_in_time() -> None:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for part in _slowly(b"X: y\r\n"):
            handler.wfile.write(part)

    assert "within 1 seconds" in failure(send, seconds=1).what


def test_what_is_compressed_is_not_unpacked() -> None:
    assert "compressed" in failure(sends(b"\x1f\x8b", headers=["Content-Encoding: gzip"])).what


def test_a_redirect_is_named_and_not_followed() -> None:
    with answering(sends(b"")) as elsewhere:
        for status in (301, 302, 307, 308):
            error = failure(
                sends(b"", status=status, headers=[f"Location: {elsewhere.url}/v1/completions"]), key="sk-123456"
            )
            assert f"{status} and sends on to {elsewhere.url}" in error.what
            assert "--endpoint" in error.hint
    assert not elsewhere.headers


def test_a_key_is_sent_and_never_repeated() -> None:
    key = "sk-abcdef-123456"
    refused = sends(f'{{"error": {{"message": "Incorrect API key provided: {key}."}}}}'.encode(), status=401)
    with answering(refused) as served:
        with pytest.raises(ModelError, match=r"answers 401: Incorrect API key provided: \[key\]") as caught:
            write(served.url, key=key)
    assert {headers["Authorization"] for headers in served.headers} == {f"Bearer {key}"}
    assert key not in caught.value.what + caught.value.hint
    assert "does not take this key" in caught.value.hint


def test_without_a_key_none_is_sent() -> None:
    with answering(sends(b"")) as served:
        with pytest.raises(ModelError):
            write(served.url)
    assert not any("Authorization" in headers for headers in served.headers)


def test_a_login_in_the_address_is_sent_and_not_shown() -> None:
    with answering(sends(b"who is secret-password?", status=403)) as served:
        with pytest.raises(ModelError, match="403") as caught:
            write(served.url.replace("//", "//robin:secret-password@"))
    assert all(headers["Authorization"].startswith("Basic ") for headers in served.headers)
    assert "secret-password" not in caught.value.what


def test_a_server_that_wants_less_only_once_is_asked_for_all_again() -> None:
    answers = [(400, b"too many tokens")] * 3

    def send(handler: BaseHTTPRequestHandler) -> None:
        status, body = (
            answers.pop(0) if answers else (200, f"data: {json.dumps({'choices': [{'text': YES}]})}\n\n".encode())
        )
        sends(body, status=status)(handler)

    with answering(send) as served:
        endpoint = Endpoint(served.url)
        with pytest.raises(ModelError, match="too many tokens"):
            list(endpoint.write(CONTEXT, ("Kim",)))
        list(endpoint.write(CONTEXT, ("Kim",)))
    assert ["min_p" in asked for asked in served.asked] == [True, True, False, True]


def test_the_ordinary_server_still_serves() -> None:
    with serving(lambda asked: [YES]) as served:
        assert write(served.url)
