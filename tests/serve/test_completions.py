"""Transcripts that are completed, and `vq chat --endpoint` against `vq serve`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import KIM, ME, TOKEN, ZOE, Running, running

from ventriloquist.errors import ModelError
from ventriloquist.model.endpoint import Endpoint
from ventriloquist.model.sampling import Sampling
from ventriloquist.serve.completion import complete
from ventriloquist.serve.requests import CompletionBody
from ventriloquist.transcript import DELTAS, Header, Line, line_opening, parse_line, render_header, render_line

HEADER = render_header(Header("group", (ME, KIM, ZOE), "2024-03-15")) + "\n"
CONTEXT = [HEADER, render_line(Line(ME, "<1m", 'a "quoted" <b> \\ 😀')) + "\n"]
PROMPT = "".join(CONTEXT)


def completed(served: Running, prompt: str, **fields: object) -> tuple[str, str]:
    """Return the text and the reason why it ends; the stream has the same."""
    body = {"model": KIM, "prompt": prompt, "seed": 3, **fields}
    (choice,) = served.post("/v1/completions", body).json()["choices"]
    *texts, end = served.stream(body, "/v1/completions")
    assert "".join(chunk["choices"][0]["text"] for chunk in texts) == choice["text"]
    assert end["choices"][0]["finish_reason"] == choice["finish_reason"]
    return choice["text"], choice["finish_reason"]


@pytest.mark.parametrize(
    "begun",
    [
        "",
        "{",
        '{"na',
        line_opening(KIM)[:-3],
        line_opening(KIM),
        line_opening(ZOE) + ' "delta":',
        line_opening(KIM) + ' "delta": "<1m", "content": "',
        line_opening(KIM) + ' "delta": "<1m", "content": "it is 😀 \\"so',
        line_opening(KIM) + ' "delta": "<1m", "content": "a\\\\',
        render_line(Line(KIM, "<1m", "x"))[:-1],
        render_line(Line(KIM, "<1m", "x")),
    ],
)
def test_the_rest_of_a_line_makes_a_valid_line_wherever_the_prompt_ends(served: Running, begun: str) -> None:
    for seed in range(4):
        text, finish = completed(served, PROMPT + begun, seed=seed)
        assert finish == "stop"
        assert text.endswith("\n")
        line = parse_line((begun + text).removesuffix("\n"))
        assert line.name in (ME, KIM, ZOE)
        if begun.startswith(line_opening(KIM)):
            assert line.name == KIM


def test_a_stop_or_the_limit_of_tokens_ends_a_completion(served: Running) -> None:
    text, finish = completed(served, PROMPT, stop=["\n"])
    assert finish == "stop"
    assert text == completed(served, PROMPT)[0].removesuffix("\n")
    assert completed(served, PROMPT, stop='"delta"')[0] == text.partition('"delta"')[0]
    short, finish = completed(served, PROMPT, max_tokens=3)
    assert finish == "length"
    assert text.startswith(short)
    assert len(short) < len(text)


@pytest.mark.parametrize(
    "prompt",
    [
        *("", "Once upon a time", "\n", HEADER + "no line\n", HEADER + '{"name": "Eve"', HEADER + '{"name": "Kim",  '),
        '{"type": "dm", "members": [], "start": "2024-03-15"}\n',
        '{"type": "dm", "members": ["Kim"], "start": 1}\n',
        HEADER.rstrip("\n"),
        ["a", "b"],
        [1, 2, 3],
        7,
    ],
)
def test_what_is_no_transcript_is_refused(served: Running, prompt: object) -> None:
    response = served.post("/v1/completions", {"prompt": prompt})
    assert response.status_code == 400
    assert response.json()["error"]["message"]


def test_a_prompt_beyond_the_context_is_refused_in_words_that_chat_understands(served: Running) -> None:
    line = render_line(Line(KIM, "<1m", "tea " * 200)) + "\n"
    response = served.post("/v1/completions", {"prompt": HEADER + line * 200})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "context_length_exceeded"


def test_the_line_that_a_prompt_begins_counts_as_a_part_of_it(served: Running) -> None:
    begun = render_line(Line(KIM, "<1m", "x")).partition("x")[0]
    response = served.post("/v1/completions", {"prompt": PROMPT + begun + "tea " * 9_000, "max_tokens": 1})
    assert response.status_code == 400, response.text
    assert response.json()["error"]["code"] == "context_length_exceeded"
    short, longer = (
        served.post("/v1/completions", {"prompt": PROMPT + begun + words, "max_tokens": 1}).json()["usage"]
        for words in ("", "tea " * 20)
    )
    assert longer["prompt_tokens"] >= short["prompt_tokens"] + 20


def test_a_prompt_gets_lines_of_those_who_are_served_alone(run: Path, garden: Path) -> None:
    with running(garden, run, only=(KIM,)) as served:
        names = {parse_line(completed(served, PROMPT, seed=seed)[0].rstrip()).name for seed in range(6)}
        assert names <= {ME, KIM}
        refused = served.post("/v1/completions", {"prompt": PROMPT + line_opening(ZOE)})
        assert refused.status_code == 400
        alone = render_header(Header("dm", (ZOE, "Ada"), "2024-03-15")) + "\n"
        assert "Nobody in this prompt" in served.post("/v1/completions", {"prompt": alone}).json()["error"]["message"]


def test_an_endpoint_writes_lines_names_and_alternatives(served: Running) -> None:
    endpoint = Endpoint(served.url, seed=3, sampling=Sampling(temperature=0.7))
    assert endpoint.next_name(CONTEXT, (ME, KIM, ZOE)) in (ME, KIM, ZOE)
    *pieces, last = endpoint.write(CONTEXT, (KIM,))
    assert last.line is not None
    assert last.line.name == KIM
    assert last.line.delta in DELTAS
    assert "".join(piece.text for piece in [*pieces, last]) == last.line.content
    assert {line.name for line in endpoint.candidates(CONTEXT, (ZOE,), 3)} == {ZOE}
    endpoint.close()


def vq_chat(home: Path, *arguments: str, said: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "ventriloquist", "chat", *arguments],
        input=said,
        capture_output=True,
        text=True,
        env={**os.environ, "VQ_HOME": str(home), **environment},
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_chat_on_another_machine_needs_the_address_alone(served: Running, garden: Path) -> None:
    for url in (served.url, f"{served.url}/v1"):
        code, out, err = vq_chat(garden, "--as", KIM, "--endpoint", url, said="hello\nand now?\n")
        assert (code, "Traceback" in err) == (0, False), err
        assert len(out.splitlines()) >= 2


def test_chat_sends_the_token_as_its_key(run: Path, garden: Path) -> None:
    with running(garden, run, token=TOKEN) as served:
        assert vq_chat(garden, "--as", KIM, "--endpoint", served.url, said="hi\n")[0] == 1
        code, _, err = vq_chat(garden, "--from", "Garden", "--endpoint", served.url, said="hi\n", VQ_API_KEY=TOKEN)
        assert code == 0, err
        with pytest.raises(ModelError):
            Endpoint(served.url, key="wrong-but-long-enough")


class _Reads:
    """Notes the context that it is given."""

    left, written = 1, 0

    def count_tokens(self, text: str) -> int:
        return len(text)

    def complete(self, context: list[str], _names: list[str], _begun: str) -> Iterator[str]:
        self.context = context
        yield "x"


def test_a_prompt_is_read_as_it_would_be_rendered() -> None:
    line = Line(KIM, "<1m", "a <|endoftext|> é")
    header = {"type": "group", "members": [ME, KIM, ZOE], "start": "2024-03-15"}
    prompt = "".join(f"{json.dumps(each, separators=(',', ':'))}\n" for each in (header, line._asdict()))
    writer = _Reads()
    list(complete(CompletionBody(prompt=prompt), writer, 10_000, lambda _name: True))
    assert writer.context == [HEADER, render_line(line) + "\n"]
    assert "<|" not in writer.context[1]
