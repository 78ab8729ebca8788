"""Real clients, and the requests that front ends were seen to send."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import KIM, ZOE, Running, events

needs_openai = pytest.mark.skipif(find_spec("openai") is None, reason="the openai package is not installed")
needs_llm = pytest.mark.skipif(find_spec("llm") is None, reason="llm is not installed")

# SillyTavern's custom source
SILLY_TAVERN: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Write Kim's next reply in a fictional chat between Kim and User."},
        {"role": "system", "content": "[Start a new Chat]"},
        {"role": "assistant", "content": "hello!"},
        {"role": "user", "content": "are you home?"},
    ],
    "model": KIM,
    "temperature": 1,
    "max_tokens": 300,
    "max_completion_tokens": 300,
    "stream": True,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "top_p": 1,
    "top_k": 0,
    "stop": ["\nUser:", "\nKim:"],
    "logit_bias": {},
    "seed": 5,
    "n": 1,
    "logprobs": None,
    "min_p": 0.05,
}
# Open WebUI's tasks, cut to what tells them apart
TASKS = {
    "title": (
        "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Output:\n"
        'JSON format: { "title": "your concise title here" }\n### Chat History:\n<chat_history>\nUSER: "tags"\n'
        "</chat_history>",
        {"title": KIM},
    ),
    "tags": (
        "### Task:\nGenerate 1-3 broad tags categorizing the main themes of the chat history.\n### Output:\n"
        'JSON format: { "tags": ["tag1", "tag2", "tag3"] }\n### Chat History:\n<chat_history>"title"</chat_history>',
        {"tags": []},
    ),
    "follow_ups": (
        "### Task:\nSuggest 3-5 relevant follow-up questions.\n### Output:\n"
        'JSON format: { "follow_ups": ["Question 1?", "Question 2?"] }\n### Chat History:\n<chat_history>',
        {"follow_ups": []},
    ),
    "queries": (
        "### Task:\nAnalyze the chat history to determine the necessity of generating search queries.\n"
        '### Output:\n{ "queries": [] }\n### Chat History:\n',
        {"queries": []},
    ),
    "another": ("### Task:\nDo what nobody has thought of yet.", {}),
}


@needs_openai
def test_the_openai_package_lists_streams_and_reads_answers(served: Running) -> None:
    import openai

    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="junk", max_retries=0) as client:
        assert {model.id for model in client.models.list()} == {KIM, ZOE, "Garden"}
        messages: Any = [{"role": "user", "content": "hello"}]
        whole = client.chat.completions.create(model=KIM, messages=messages, seed=1, max_tokens=20)
        content = whole.choices[0].message.content
        assert content
        stream = client.chat.completions.create(
            model=KIM, messages=messages, seed=1, max_tokens=20, stream=True, stream_options={"include_usage": True}
        )
        chunks = list(stream)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == content
        assert chunks[-1].usage is not None
        assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
        with pytest.raises(openai.NotFoundError, match="No model is called"):
            client.chat.completions.create(model="nobody", messages=messages)
        with pytest.raises(openai.BadRequestError):
            client.chat.completions.create(model=KIM, messages=messages, temperature=5)
        prompt = '{"type": "dm", "members": ["Robin Oak", "Kim"], "start": "2024-03-15"}\n'
        assert client.completions.create(model=KIM, prompt=prompt, stop=["\n"]).choices[0].text.startswith('{"name"')


@needs_llm
def test_llm_lists_models_and_chats_with_each(served: Running, tmp_path: Path) -> None:
    def llm(*arguments: str, said: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-m", "llm", "openai", "endpoint", f"{served.url}/v1", *arguments],
            input=said,
            capture_output=True,
            text=True,
            env={**os.environ, "LLM_USER_PATH": str(tmp_path), "LLM_LOAD_PLUGINS": ""},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert set(llm("--models").splitlines()) >= {KIM, ZOE, "Garden"}
    limited = ("-m", KIM, "-o", "max_tokens", "20")
    assert llm(*limited, "hello")
    assert llm(*limited, "--no-stream", "hello")
    assert llm(*limited, "--chat", said="hello\nand now?\nexit\n")


def test_sillytavern_streams_and_reads_the_whole(served: Running) -> None:
    chunks = served.stream(SILLY_TAVERN)
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"])
    whole = served.post(
        "/v1/chat/completions", {**SILLY_TAVERN, "stream": False}, headers={"Authorization": "Bearer x"}
    )
    assert whole.json()["choices"][0]["message"]["content"] == said
    assert said


def test_sillytavern_aborts_by_closing_its_socket(served: Running) -> None:
    with httpx.stream("POST", f"{served.url}/v1/chat/completions", json=SILLY_TAVERN, timeout=60) as response:
        next(response.iter_lines())
    assert served.chat(KIM, "still there?", max_tokens=1)


def test_open_webui_chats_with_a_stream_and_a_usage_chunk(served: Running) -> None:
    chunks = served.stream(
        {
            "model": KIM,
            "messages": [{"role": "user", "content": "hello"}],
            "stream_options": {"include_usage": True},
            "params": {},
            "features": {"web_search": False},
            "session_id": "x",
            "metadata": {"variables": {"{{USER_NAME}}": "Robin"}},
        }
    )
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] > 0


@pytest.mark.parametrize("task", TASKS)
def test_open_webuis_tasks_are_answered_with_the_json_that_they_ask_for_without_the_model(
    served: Running, task: str
) -> None:
    prompt, expected = TASKS[task]
    body = {"model": KIM, "messages": [{"role": "user", "content": prompt}], "stream": False}
    answer = served.post("/v1/chat/completions", body).json()
    assert json.loads(answer["choices"][0]["message"]["content"]) == expected
    assert answer["usage"]["completion_tokens"] == 0
    response = served.post("/v1/chat/completions", {**body, "stream": True})
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in events(response.text))
    assert json.loads(said) == expected


def test_a_chat_that_mentions_a_task_is_a_chat(served: Running) -> None:
    answer = served.chat(KIM, "### Task:\nremember the milk", "ok", "### Task: no", max_tokens=3)
    assert answer["usage"]["completion_tokens"] > 0
