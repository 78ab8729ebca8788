"""A small server of `/v1/completions` on the loopback interface: it streams what it is told to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from ventriloquist.model.line_writer import LineWriter
from ventriloquist.transcript import parse_header, parse_line, render_line

Send = Callable[[BaseHTTPRequestHandler], None]
Reply = Callable[[dict[str, Any]], Iterable[str]]


@dataclass
class Served:
    """A server that runs: its address, and what it was asked."""

    url: str
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def answering(send: Send, models: Send | None = None) -> Iterator[Served]:
    """Serve one model whose completions are whatever `send` writes, status line and headers included.

    Args:
        models: likewise for the list of models.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.headers.append(dict(self.headers))
            if models:
                models(self)
                return
            body = b'{"data": [{"id": "tiny"}]}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            served.headers.append(dict(self.headers))
            served.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            send(self)

        def log_message(self, *arguments: object) -> None:
            pass

    with _running(Handler) as url:
        served = Served(url)
        yield served


@contextmanager
def _running(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.handle_error = lambda *arguments: None  # whoever asks may hang up
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


@contextmanager
def serving(
    reply: Reply, *, models: Sequence[str] = ("tiny",), refuse: Sequence[str] = (), status: int = 200
) -> Iterator[Served]:
    """Serve until the block ends.

    Args:
        reply: returns the text that follows a request's prompt, in pieces.
        refuse: parameters that are answered with 422.
        status: of every completion.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, json.dumps({"data": [{"id": model} for model in models]}))

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.asked.append(asked)
            if self.path != "/v1/completions" or status != 200:
                self._send(status if status != 200 else 404, "no such \x1b[31mthing")
            elif unknown := set(refuse) & set(asked):
                self._send(422, f"Unexpected fields: {unknown}")
            else:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                for text in reply(asked):
                    event = json.dumps({"choices": [{"text": text}]}, ensure_ascii=False)
                    self.wfile.write(f": a comment\n\ndata: {event}\n\n".encode("utf-8", "surrogatepass"))
                self.wfile.write(b'data: {"choices": [], "usage": {}}\n\ndata: [DONE]\n\n')

        def _send(self, code: int, text: str) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with _running(Handler) as url:
        served = Served(url)
        yield served


def writing(session: LineWriter) -> Reply:
    """Return replies that our own generation writes."""
    lock = Lock()

    def reply(asked: dict[str, Any]) -> Iterator[str]:
        *whole, begun = asked["prompt"].split("\n")
        context = [f"{line}\n" for line in whole]
        names = parse_header(whole[0]).members
        if begun:  # a line's opening: finished, it says whose it is
            names = (parse_line(f'{begun} "<1m", "content": ""}}').name,)
        with lock:
            rendered = next(render_line(piece.line) for piece in session.write(context, names) if piece.line)
        rest = rendered.removeprefix(begun)
        yield from (rest[at : at + 7] for at in range(0, len(rest), 7))

    return reply
