"""A real server of `vq serve` on the loopback interface, in a thread of this process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from invented import NAMES

from ventriloquist import serve
from ventriloquist.serve.server import Server, bind
from ventriloquist.serve.stage import ServePlan, build

ME, KIM, ZOE = NAMES
TOKEN = "a-token-that-is-long-enough"  # of tests


@dataclass
class Running:
    """A server that runs: where, its token, and what it logged."""

    url: str
    port: int
    plan: ServePlan
    server: Server
    log: list[str] = field(default_factory=list)

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.plan.token}"}

    def post(self, path: str, body: Any, **more: Any) -> httpx.Response:
        return httpx.post(self.url + path, json=body, timeout=120, **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=60, **more)

    def chat(self, model: str, *texts: str, **fields: Any) -> dict[str, Any]:
        """Post messages, the user's first and then in turn, and return the body of the answer."""
        response = self.post("/v1/chat/completions", chat_body(model, *texts, **fields))
        assert response.status_code == 200, response.text
        return response.json()

    def stream(self, body: dict[str, Any], path: str = "/v1/chat/completions") -> list[Any]:
        """Post a body and return the data of each event of the stream."""
        response = self.post(path, {**body, "stream": True})
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("text/event-stream")
        return events(response.text)


def chat_body(model: str, *texts: str, **fields: Any) -> dict[str, Any]:
    messages = [{"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(texts)]
    return {"model": model, "messages": messages, "seed": 1, **fields}


def events(text: str) -> list[Any]:
    """Return the data of server-sent events; the last one must be [DONE]."""
    *data, end = [line.removeprefix("data: ") for line in text.split("\n") if line]
    assert end == "[DONE]"
    return [json.loads(each) for each in data]


@contextmanager
def running(home: Path, run: Path, *, backend: str | None = None, **options: Any) -> Iterator[Running]:
    plan = serve.plan(home, serve.ServeOptions(run=str(run), port=0, **options))
    log: list[str] = []
    bound = bind(plan.options.host, 0)
    server = build(plan, bound, backend=backend, log=log.append)
    thread = threading.Thread(target=server.serve_until_stopped, args=(bound,), daemon=True)
    thread.start()
    port = bound.getsockname()[1]
    try:
        while not server.started:
            time.sleep(0.01)
        yield Running(f"http://127.0.0.1:{port}", port, plan, server, log)
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
