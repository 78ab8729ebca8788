"""One answer at a time: the queue before the model, and clients that go."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import KIM, ZOE, Running, chat_body, running

from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.torch_engine import TorchRows
from ventriloquist.serve.generation import WAITING


class Gate:
    """Holds the passes of a server's model before the first content until it is opened, and counts them."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.passes = 0

    def __call__(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def logits_after(writer: LineWriter, ids: list[int]) -> Any:
            self.passes += 1
            while not self.opened.wait(0.01):
                if writer._before_pass is not None:
                    writer._before_pass()  # as between the parts of a long prompt
            return original(writer, ids)

        return logits_after


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate()
    monkeypatch.setattr(LineWriter, "logits_after", gate(LineWriter.logits_after))
    yield gate
    gate.opened.set()


@pytest.fixture
def alone(run: Path, garden: Path) -> Iterator[Running]:
    with running(garden, run) as served:
        yield served


def until(condition: Callable[[], bool]) -> None:
    for _ in range(1000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("it never came to that")


def send(served: Running, body: dict[str, Any]) -> socket.socket:
    """Send a request and leave its answer unread."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=30)
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


def test_a_full_queue_refuses_with_a_time_to_come_again(alone: Running, gate: Gate) -> None:
    generation = alone.server._generation
    with ThreadPoolExecutor(WAITING + 1) as pool:
        asked = [
            pool.submit(alone.post, "/v1/chat/completions", chat_body(KIM, "hi", max_tokens=1, stream=index % 2 == 0))
            for index in range(WAITING + 1)
        ]
        until(lambda: len(generation._waiting) == WAITING and generation._running is not None)
        refused = alone.post("/v1/chat/completions", chat_body(KIM, "hi"))
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert alone.get("/v1/models").status_code == 200  # what needs no model does not wait
        gate.opened.set()
        assert {each.result().status_code for each in asked} == {200}


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_goes_leaves_the_queue(alone: Running, gate: Gate, stream: bool) -> None:
    generation = alone.server._generation
    first = send(alone, chat_body(KIM, "hi"))
    until(lambda: generation._running is not None)
    waiting = [send(alone, chat_body(KIM, "hi", stream=stream)) for _ in range(3)]
    until(lambda: len(generation._waiting) == 3)
    for connection in waiting:
        connection.close()
    until(lambda: len(generation._waiting) == 0)
    first.close()
    until(lambda: generation._running is None)
    assert gate.passes == 1  # nothing was computed for those who had gone
    until(lambda: sum("gone" in line or "499" in line for line in alone.log) == 4)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_an_answer_stops_within_two_tokens_after_the_client_has_gone(
    alone: Running, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    passes = []
    original = TorchRows.feed

    def slow(rows: TorchRows, ids: Sequence[Sequence[int]]) -> Any:
        passes.append(time.monotonic())
        time.sleep(0.2)
        return original(rows, ids)

    monkeypatch.setattr(TorchRows, "feed", slow)
    header = '{"type": "dm", "members": ["Robin Oak", "Kim"], "start": "2024-03-15"}\n'
    body = {**chat_body(KIM, "hi"), "prompt": header, "stream": True}
    with httpx.stream("POST", alone.url + path, json=body, timeout=60) as response:
        next(response.iter_lines())  # the answer has begun
    gone = time.monotonic()
    until(lambda: alone.server._generation._running is None)
    assert sum(at > gone for at in passes) <= 2


def test_two_conversations_at_once_do_not_see_each_other(alone: Running) -> None:
    """Each answer is what it is when nobody else asks."""
    secrets = {KIM: "kiwisecret", ZOE: "plumsecret"}

    def talk(model: str) -> list[str]:
        texts, said = [], []
        for turn in range(4):
            texts.append(f"{secrets[model]} {turn}")
            said.append(alone.chat(model, *texts, seed=turn, max_tokens=12)["choices"][0]["message"]["content"])
            texts.append(said[-1])
        return said

    expected = {model: talk(model) for model in secrets}
    with ThreadPoolExecutor(2) as pool:
        found = {model: pool.submit(talk, model) for model in secrets}
    assert {model: each.result() for model, each in found.items()} == expected


def test_no_context_holds_a_word_of_another_conversation(alone: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    original = LineWriter._begin

    def spied(writer: LineWriter, context: Any, *more: Any, **named: Any) -> Any:
        read.append("".join(context))
        return original(writer, context, *more, **named)

    monkeypatch.setattr(LineWriter, "_begin", spied)
    with ThreadPoolExecutor(4) as pool:
        for index in range(12):
            model, secret = ((KIM, "kiwisecret"), (ZOE, "plumsecret"))[index % 2]
            pool.submit(alone.chat, model, f"{secret} {index}", max_tokens=3)
    assert any("kiwisecret" in text for text in read)
    assert any("plumsecret" in text for text in read)
    assert not any("kiwisecret" in text and "plumsecret" in text for text in read)


def test_a_request_after_a_broken_off_one_is_answered_as_if_it_were_the_first(alone: Running) -> None:
    expected = alone.chat(KIM, "hello", max_tokens=20)["choices"]
    with httpx.stream(
        "POST", f"{alone.url}/v1/chat/completions", json=chat_body(KIM, "other words", stream=True), timeout=60
    ) as response:
        next(response.iter_lines())
    assert alone.chat(KIM, "hello", max_tokens=20)["choices"] == expected


def test_stopping_ends_an_answer_that_is_being_written(run: Path, garden: Path, gate: Gate) -> None:
    with running(garden, run) as served:
        connection = send(served, chat_body(KIM, "hi", stream=True))
        until(lambda: served.server._generation._running is not None)
        started = time.monotonic()
        served.server.handle_exit(15, None)
        until(lambda: not served.server._generation._thread.is_alive())
    assert time.monotonic() - started < 15
    connection.close()


def test_a_bug_is_an_error_of_the_server_without_its_words(alone: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_writer: LineWriter, _ids: list[int]) -> Any:
        raise RuntimeError("a secret")

    monkeypatch.setattr(LineWriter, "logits_after", broken)
    for stream in (False, True):
        response = alone.post("/v1/chat/completions", chat_body(KIM, "hi", stream=stream))
        assert response.status_code == 500
        assert response.json()["error"]["type"] == "server_error"
        assert "secret" not in response.text
    assert any(line.startswith("A bug: RuntimeError at ") for line in alone.log)
    assert "secret" not in "\n".join(alone.log)
    monkeypatch.undo()
    assert alone.chat(KIM, "hi", max_tokens=1)  # and the server goes on


def test_an_error_within_a_stream_ends_it_as_an_event(alone: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    original = LineWriter.logits_after
    count = 0

    def breaks(writer: LineWriter, ids: list[int]) -> Any:
        nonlocal count
        count += 1
        if count > 8:
            raise RuntimeError("a secret")
        return original(writer, ids)

    monkeypatch.setattr(LineWriter, "logits_after", breaks)
    response = alone.post("/v1/chat/completions", chat_body(KIM, "hi", stream=True, seed=3))
    assert response.status_code == 200
    last = [line for line in response.text.split("\n") if line][-1]
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "server_error"
