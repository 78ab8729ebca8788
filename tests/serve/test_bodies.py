"""Bodies of every kind: what is read, and what is refused without a failure of the server."""

from __future__ import annotations

import json
import tracemalloc
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from running import KIM, ME, ZOE, Running, chat_body

from ventriloquist.serve import conversation, requests
from ventriloquist.serve.errors import RequestError
from ventriloquist.serve.requests import ChatBody, CompletionBody, read_body
from ventriloquist.serve.safety import MOST_BODY
from ventriloquist.transcript import DELTAS


def contexts(served: Running, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return a list that fills with the contexts that the model reads."""
    from ventriloquist.model.line_writer import LineWriter

    read: list[list[str]] = []
    original = LineWriter._begin

    def spied(writer: LineWriter, context: Any, *more: Any, **named: Any) -> Any:
        read.append(list(context))
        return original(writer, context, *more, **named)

    monkeypatch.setattr(LineWriter, "_begin", spied)
    return read


def read_for(
    served: Running, monkeypatch: pytest.MonkeyPatch, model: str, messages: list[Any], **fields: Any
) -> list[dict[str, str]]:
    """Return the lines after the opening that the model reads for messages."""
    read = contexts(served, monkeypatch)
    body = {"model": model, "messages": messages, "max_tokens": 1, "seed": 1, "ventriloquist": {"new": True}, **fields}
    response = served.post("/v1/chat/completions", body)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in read[0][1:]]


def test_roles_names_deltas_and_newlines_become_lines(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "one\n\ntwo\r\n"},
        {"role": "assistant", "content": "three\nfour", "delta": "<5m"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "five"}, {"type": "image_url", "image_url": {"url": "x"}}],
        },
        {"role": "user", "content": "six", "name": "Somebody Else", "unknown": {"a": [1]}},
        {"role": "tool", "content": "{}"},
        {"role": "assistant", "content": None},
        {"role": "user", "content": "se\ud800ven", "delta": "1d+"},
    ]
    body = json.dumps({"model": KIM, "messages": messages, "max_tokens": 1, "ventriloquist": {"new": True}})
    read = contexts(served, monkeypatch)
    response = httpx.post(f"{served.url}/v1/chat/completions", content=body.encode(), timeout=60)
    assert response.status_code == 200, response.text
    said = [tuple(json.loads(line).values()) for line in read[0][1:]]
    assert said == [
        (ME, "<1m", "one"),
        (ME, "<1m", "two"),
        (KIM, "<5m", "three"),
        (KIM, "<1m", "four"),
        (ME, "<1m", "five"),
        (ME, "<1m", "six"),
        (ME, "1d+", "se\ufffdven"),
    ]
    log = "\n".join(served.log)
    assert log.count("System messages") == 1
    assert log.count("Images") == 1


def test_in_a_group_a_line_is_its_members_by_name_or_by_how_it_begins(
    served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages = [
        {"role": "user", "content": "who comes?"},
        {"role": "assistant", "content": "me", "name": ZOE},
        {"role": "assistant", "content": f"{KIM}: me too\nand early\n{ZOE}: great: yes\nEve: nobody"},
        {"role": "user", "content": f"{KIM}: is content"},
        {"role": "user", "content": "I said so", "name": KIM.upper()},
    ]
    said = read_for(served, monkeypatch, "Garden", messages)
    assert [(line["name"], line["content"]) for line in said] == [
        (ME, "who comes?"),
        (ZOE, "me"),
        (KIM, "me too"),
        (KIM, "and early"),
        (ZOE, "great: yes"),
        (ZOE, "Eve: nobody"),
        (ME, f"{KIM}: is content"),
        (KIM, "I said so"),
    ]


def test_without_new_the_real_last_messages_stand_in_front(served: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    read = contexts(served, monkeypatch)
    served.chat(KIM, "hello", max_tokens=1)
    first, *_, last = [json.loads(line) for line in read[0][1:]]
    assert (last["content"], last["delta"]) == ("hello", "1d+")  # the time since the last real message
    assert first["content"].startswith("tea ")
    opening = served.get(f"/page/opening?model={KIM}", headers=served.bearer).json()
    assert opening["lines"][0]["content"] == first["content"]
    assert opening["starts"].startswith("Continuing after the last 17 messages with Kim")
    assert served.get(f"/page/opening?model={KIM}&new=1", headers=served.bearer).json()["lines"] == []


def test_a_date_chooses_an_earlier_self_and_a_wrong_one_is_refused(served: Running) -> None:
    opening = served.get(f"/page/opening?model={KIM}&date=1999", headers=served.bearer).json()
    assert opening["lines"] == []
    assert "There are no messages before" in opening["starts"]
    for date in ("20199", "yesterday", "2019-13"):
        assert served.get(f"/page/opening?model={KIM}&date={date}", headers=served.bearer).status_code == 400
        refused = served.post("/v1/chat/completions", chat_body(KIM, "hi", ventriloquist={"date": date}))
        assert refused.status_code == 400
        assert "is not a date" in refused.json()["error"]["message"]


def test_after_an_assistants_message_the_others_go_on(served: Running) -> None:
    body = {**chat_body(KIM, "hello", "hi"), "max_tokens": 3}
    assert served.post("/v1/chat/completions", body).json()["choices"][0]["message"]["content"]
    assert served.post("/v1/chat/completions", {**body, "messages": []}).json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0, "top_p": 0, "top_k": 0, "min_p": 0, "name_guidance": 0},
        {"temperature": 1e-9, "top_k": -1, "min_p": 1, "name_guidance": 5},
        {"temperature": 2, "top_p": 0.5, "top_k": 1_000_000},
        {"seed": -1, "max_tokens": -1, "max_completion_tokens": 0, "stop": []},
        {"seed": 2**80, "stop": "", "stream": None, "stream_options": None, "n": None, "ventriloquist": None},
        {"logit_bias": {"50256": -100}, "presence_penalty": 0.5, "frequency_penalty": 0, "logprobs": True, "user": "x"},
        {"tools": [], "tool_choice": "auto", "response_format": {"type": "json_object"}, "reasoning_effort": "high"},
    ],
)
def test_sampling_fields_at_their_limits_are_answered(served: Running, fields: dict[str, Any]) -> None:
    response = served.post("/v1/chat/completions", {**chat_body(KIM, "hi", max_tokens=4), **fields})
    assert response.status_code == 200, response.text
    assert response.json()["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"\x00",
        b'{"messages": NaN}',
        b'{"model": "Kim", "messages": [], "temperature": Infinity}',
        b'{"model": "Kim", "messages": [], "temperature": 1e999}',
        b'{"model": "Kim", "messages": [], "name_guidance": -1}',
        b'{"model": "Kim", "messages": [], "seed": ' + b"1" * 6000 + b"}",
        b"[" * 100_000,
        b'{"messages": ' + b"[" * 500 + b"]" * 500 + b"}",
        b'{"model": "Kim"}',
        b'{"model": "Kim", "messages": {}}',
        b'{"model": "Kim", "messages": [1]}',
        b'{"model": 1, "messages": []}',
        b'{"model": "Kim", "messages": [], "n": 9}',
        b'{"model": "Kim", "messages": [], "n": 0}',
        b'{"model": "Kim", "messages": [], "temperature": 3}',
        b'{"model": "Kim", "messages": [], "stop": [1]}',
        b'{"model": "Kim", "messages": [{"role": "user", "content": "x", "delta": "<2m"}]}',
        b'{"model": "Kim", "messages": [], "ventriloquist": {"speaker": "Eve"}}',
        b'{"model": "Kim", "messages": [], "ventriloquist": []}',
        b'{"model": "Kim", "messages": [{"role": "User", "content": "x"}]}',
    ],
)
def test_a_body_that_makes_no_sense_is_refused(served: Running, body: bytes) -> None:
    response = httpx.post(f"{served.url}/v1/chat/completions", content=body, timeout=60)
    assert response.status_code == 400, response.text
    assert response.json()["error"]["message"]


def test_too_many_messages_too_many_lines_and_too_long_ones_are_refused(served: Running) -> None:
    message = {"role": "user", "content": "x"}
    for messages in (
        [message] * (requests.MOST_MESSAGES + 1),
        [{"role": "user", "content": "x\n" * (conversation.MOST_LINES + 1)}],
        [{"role": "user", "content": "x" * (conversation.LONGEST + 1)}],
        [{"role": "user", "content": "\U0001f600" * 30_000}],  # within the characters, not within the tokens
    ):
        response = served.post("/v1/chat/completions", {"model": KIM, "messages": messages})
        assert response.status_code == 400, response.text


def test_a_body_with_many_wrong_parts_is_refused_at_the_first_one() -> None:
    part = {"role": "user", "content": [1] * 1000}
    for messages in ([{"role": "user", "content": [1] * 100_000}], [part] * 100):
        body = json.dumps({"model": KIM, "messages": messages}).encode()
        assert len(body) < MOST_BODY
        tracemalloc.start()
        with pytest.raises(RequestError) as refused:
            requests.read_body(body, requests.ChatBody)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert refused.value.status == 400
        assert most < 16 * len(body)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=8,
)
MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system", "tool", ""]) | VALUES,
        "content": st.text(max_size=9) | VALUES,
    },
    optional={"name": st.sampled_from([KIM, ME, "Eve"]) | VALUES, "delta": st.sampled_from(DELTAS) | VALUES},
)
FIELDS = {
    "temperature": st.floats(0, 2) | VALUES,
    "top_p": st.floats(0, 1) | VALUES,
    "top_k": st.integers(-2, 9) | VALUES,
    "min_p": st.floats(0, 1) | VALUES,
    "seed": VALUES,
    "stop": st.lists(st.text(max_size=3), max_size=3) | VALUES,
    "stream": VALUES,
    "stream_options": VALUES,
    "n": st.integers(0, 3) | VALUES,
    "ventriloquist": VALUES,
    "logit_bias": VALUES,
}
BODIES = st.fixed_dictionaries(
    {"model": st.sampled_from([KIM, "Garden"]) | VALUES, "messages": st.lists(MESSAGES, max_size=4) | VALUES},
    optional=FIELDS,
)


@settings(max_examples=60)
@given(body=BODIES)
def test_no_body_is_a_failure_of_the_server(served: Running, body: dict[str, Any]) -> None:
    data = json.dumps({**body, "max_tokens": 1}).encode("utf-8", "surrogatepass")
    response = httpx.post(f"{served.url}/v1/chat/completions", content=data, timeout=120)
    assert response.status_code in (200, 400, 404), response.text


@settings(max_examples=300)
@given(data=st.binary(max_size=60) | VALUES.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")))
def test_bytes_are_a_body_or_an_error(data: bytes) -> None:
    for model in (ChatBody, CompletionBody):
        with suppress(RequestError):
            read_body(data, model)
