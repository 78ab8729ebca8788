"""A small server of the page and its data: it answers what a test tells it to, at the test's pace."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import ventriloquist

PAGE = Path(ventriloquist.__file__).parent / "serve" / "page"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript"}
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Line = tuple[str, str, str]  # name, delta, content
Step = Line | Event | float | dict[str, Any]  # a line, a gate to wait for, seconds, or a chunk as it is
Reply = Callable[[dict[str, Any]], Iterable[Step]]


@dataclass
class Refusal(Exception):  # noqa: N818
    """Answer with an error instead."""

    status: int
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class PageServer:
    """What the server tells the page, and what the page asked. A test changes it as it runs."""

    models: list[dict[str, Any]]
    reply: Reply
    opening: Callable[[dict[str, str]], dict[str, Any]]
    about: dict[str, Any] = field(
        default_factory=lambda: {"written_by": "tiny (adapter 1)", "me": "Robin", "warnings": [], "kept": False}
    )
    alternatives: Callable[[dict[str, Any]], list[str]] = lambda _body: ["one", "two", "three", "four"]
    asked: list[dict[str, Any]] = field(default_factory=list)
    opened: list[dict[str, str]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)  # how many chunks a client had read that closed the connection
    url: str = ""


def model(name: str, *others: str, last: str = "see you", sent_at: int = 1_717_500_000_000) -> dict[str, Any]:
    """Return an entry of /v1/models: a person, or with other members a group. Robin is the user."""
    said = {"name": others[0] if others else name, "content": last, "sent_at": sent_at}
    members = ["Robin", *(others or (name,))]
    kind = "group" if others else "person"
    return {
        "id": name,
        "object": "model",
        "ventriloquist": {"kind": kind, "members": members, "me": "Robin", "last": said},
    }


def _pieces(step: Line, number: int) -> Iterator[dict[str, Any]]:
    name, delta, content = step
    head = {"event": "line", "name": name, "delta": delta}
    yield {"choices": [{"index": 0, "delta": {"content": "\n" if number else ""}}], "ventriloquist": head}
    for begin in range(0, len(content), 7):
        piece = {"index": 0, "delta": {"content": content[begin : begin + 7]}}
        yield {"choices": [piece], "ventriloquist": {**head, "event": "text"}}


@contextmanager
def serving(what: PageServer) -> Iterator[PageServer]:
    """Serve the page on the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query).items()}
            name = {"/": "page.html"}.get(url.path, url.path.strip("/"))
            try:
                if (PAGE / name).is_file() and "/" not in name:
                    self._send((PAGE / name).read_bytes(), TYPES[Path(name).suffix])
                elif url.path == "/v1/models":
                    self._json({"object": "list", "data": what.models})
                elif url.path == "/page/about":
                    self._json(what.about)
                elif url.path == "/page/opening":
                    what.opened.append(query)
                    self._json(what.opening(query))
                else:
                    self._refuse(Refusal(404, "There is no such page."))
            except Refusal as refusal:
                self._refuse(refusal)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            what.asked.append(body)
            try:
                if not body.get("stream"):
                    name = body["ventriloquist"]["speaker"] or "Maya"
                    lines = [{"name": name, "delta": "<1m", "content": text} for text in what.alternatives(body)]
                    self._json({"choices": [{"ventriloquist": {"lines": [line]}} for line in lines]})
                    return
                self._stream(iter(what.reply(body)))
            except Refusal as refusal:
                self._refuse(refusal)

        def _stream(self, steps: Iterator[Step]) -> None:
            first = next(steps, None)  # a refusal comes before the headers
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            sent = lines = 0
            try:
                while first is not None:
                    step, first = first, next(steps, None)
                    if isinstance(step, Event):
                        step.wait(30)
                    elif isinstance(step, int | float):
                        time.sleep(step)
                    else:
                        for chunk in [step] if isinstance(step, dict) else _pieces(step, lines):
                            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                            sent += 1
                        lines += not isinstance(step, dict)
                end = {
                    "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                    "ventriloquist": {"event": "end"},
                }
                self.wfile.write(f"data: {json.dumps(end)}\n\ndata: [DONE]\n\n".encode())
            except OSError:
                what.gone.append(sent)

        def _json(self, value: Any) -> None:
            self._send(json.dumps(value).encode(), "application/json")

        def _refuse(self, refusal: Refusal) -> None:
            body = json.dumps({"error": {"message": refusal.message, "type": "error", "code": None}}).encode()
            self._send(body, "application/json", refusal.status, refusal.headers)

        def _send(self, body: bytes, type_: str, status: int = 200, more: dict[str, str] | None = None) -> None:
            self.send_response(status)
            headers = {"Content-Type": type_, "Content-Length": str(len(body)), "Content-Security-Policy": CSP}
            for key, value in {**headers, "X-Content-Type-Options": "nosniff", **(more or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    what.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield what
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
