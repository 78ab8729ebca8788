"""The routes: OpenAI's, and those of the page.

A group's answer to a request without the field `ventriloquist` begins each line with a name; the page sends that field.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ventriloquist.chat.words import warnings, where
from ventriloquist.errors import VentriloquistError
from ventriloquist.serve.bodies import Answer, fixed, model, models, sent_event
from ventriloquist.serve.completion import complete
from ventriloquist.serve.conversation import answer
from ventriloquist.serve.errors import RequestError, as_request_error, error_body
from ventriloquist.serve.generation import Generation, Job
from ventriloquist.serve.requests import ChatBody, CompletionBody, read_body
from ventriloquist.serve.safety import refusal
from ventriloquist.serve.served import Served
from ventriloquist.serve.tasks import task_answer

PAGE = Path(__file__).parent / "page"
TYPES = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
DONE = "[DONE]"  # data of the last event
GONE = 499  # nobody reads this status: the client has closed the connection


class _Chunks(Protocol):
    def __call__(self, event: Any, /) -> list[dict[str, Any]]: ...


class _Whole(Protocol):
    def __call__(self, events: Iterable[Any], /) -> dict[str, Any]: ...


def build_app(served: Served, generation: Generation) -> Starlette:
    """Return the application, without its guard."""
    endpoints = _Endpoints(served, generation)
    return Starlette(
        routes=[
            Route("/", _page("page.html")),
            Route("/page.css", _page("page.css")),
            Route("/page.js", _page("page.js")),
            Route("/page/about", endpoints.about),
            Route("/page/opening", endpoints.opening),
            Route("/v1/models", endpoints.models),
            Route("/v1/models/{id:path}", endpoints.model),
            Route("/v1/chat/completions", endpoints.chat, methods=["POST"]),
            Route("/v1/completions", endpoints.completions, methods=["POST"]),
        ],
        exception_handlers={
            VentriloquistError: _failed,
            HTTPException: _http_error,
            Exception: lambda _request, error: _bug(generation, error),
        },
    )


class _Endpoints:
    def __init__(self, served: Served, generation: Generation) -> None:
        self._served, self._generation = served, generation
        self._directory = served.directory

    async def about(self, _request: Request) -> Response:
        voice = self._served.voice
        texts = [text.removeprefix("Warning: ") for text in warnings(voice)]
        about = {"written_by": voice.name, "me": self._directory.me, "warnings": texts, "kept": self._served.is_kept}
        return JSONResponse(about)

    async def opening(self, request: Request) -> Response:
        query = request.query_params
        fresh = query["new"] not in ("", "0", "false") if "new" in query else None

        def look_up() -> dict[str, Any]:
            entry = self._directory.find(query.get("model"))
            plan = self._directory.plan(entry, date=query.get("date"), fresh=fresh)
            lines = [{**said.line._asdict(), "sent_at": said.sent_at} for said in plan.opening.said]
            return {"starts": where(plan), "lines": lines}

        return JSONResponse(await run_in_threadpool(look_up))

    async def models(self, _request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(models, self._directory))

    async def model(self, request: Request) -> Response:
        entry = await run_in_threadpool(self._directory.find, request.path_params["id"])
        return JSONResponse(model(entry, self._directory.me))

    async def chat(self, request: Request) -> Response:
        body = read_body(await request.body(), ChatBody)
        entry = await run_in_threadpool(self._directory.find, body.model)
        self._served.note_unread(body)
        written = Answer(entry.id, usage=body.wants_usage)
        task = task_answer(body, entry.id)
        if task is not None:
            return _at_once(written, task, stream=bool(body.stream))
        job = self._generation.submit(
            lambda check: answer(body, entry, self._directory, self._served.writer(body, check), self._served.finished)
        )
        return await _respond(request, job, written.chunks if body.stream else None, written.whole)

    async def completions(self, request: Request) -> Response:
        body = read_body(await request.body(), CompletionBody)
        written = Answer(body.model or "", kind="text_completion", usage=body.wants_usage)
        job = self._generation.submit(
            lambda check: complete(
                body, self._served.writer(body, check), self._served.most_tokens, self._directory.may_write
            )
        )
        chunks = written.completion_chunks if body.stream else None
        return await _respond(request, job, chunks, written.completion)


def _at_once(written: Answer, text: str, *, stream: bool) -> Response:
    """Answer with a text that no model writes."""
    if not stream:
        return JSONResponse(written.whole(fixed(text)))
    chunks = [sent_event(chunk) for event in fixed(text) for chunk in written.chunks(event)]
    return Response(b"".join([*chunks, sent_event(DONE)]), media_type=_Stream.media_type)


async def _respond(request: Request, job: Job[Any], chunks: _Chunks | None, whole: _Whole) -> Response:
    """Wait for the first event, whose error has a status of its own; then answer."""
    events = job.events()
    async with _watched(request.receive, job) as watch:
        if chunks is None:
            body = whole([event async for event in events])
            return Response(status_code=GONE) if job.is_cancelled else JSONResponse(body)
        first = await anext(events, None)
        if first is None:
            return Response(status_code=GONE)
        watch.keep()
    return _Stream(job, first, events, chunks)


class _Watch:
    is_kept = False

    def keep(self) -> None:
        self.is_kept = True


@asynccontextmanager
async def _watched(receive: Receive, job: Job[Any]) -> AsyncIterator[_Watch]:
    """Cancel a job when the client goes, or when the block ends and does not keep it."""
    watch = _Watch()

    async def wait() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        job.cancel()

    task = asyncio.create_task(wait())
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if not watch.is_kept:
            job.cancel()


class _Stream(Response):
    """Server-sent events of a job; the job is cancelled when the client goes."""

    media_type = "text/event-stream"

    def __init__(self, job: Job[Any], first: Any, events: AsyncIterator[Any], chunks: _Chunks) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._job, self._first, self._events, self._chunks = job, first, events, chunks

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        async with _watched(receive, self._job):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                await self._send(self._first, send)
                async for event in self._events:
                    await self._send(event, send)
                end = sent_event(DONE)
            except RequestError as error:
                end = sent_event(error_body(error))
            await send({"type": "http.response.body", "body": end})

    async def _send(self, event: Any, send: Send) -> None:
        body = b"".join(map(sent_event, self._chunks(event)))
        await send({"type": "http.response.body", "body": body, "more_body": True})


def _page(name: str) -> Callable[[Request], Response]:
    def endpoint(_request: Request) -> Response:
        try:
            return Response((PAGE / name).read_bytes(), media_type=TYPES[name])
        except FileNotFoundError:
            raise HTTPException(404) from None

    return endpoint


def _failed(_request: Request, error: Exception) -> Response:
    assert isinstance(error, VentriloquistError)  # noqa: S101  # registered for it
    return refusal(as_request_error(error))


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it
    headers = error.headers or {}
    if error.status_code == 405 and request.method == "OPTIONS":
        return Response(status_code=204, headers=headers)
    response = refusal(RequestError(error.status_code, f"{error.detail}."))
    response.headers.update(headers)
    return response


def _bug(generation: Generation, error: Exception) -> Response:
    generation.report(error)
    return refusal(RequestError(500, "The server failed.", hint="See what vq serve printed, then send it again."))
