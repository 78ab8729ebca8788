"""Generating one answer at a time, in a thread of its own, with a bounded queue before it."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

from ventriloquist.errors import VentriloquistError
from ventriloquist.serve.errors import RequestError, as_request_error

WAITING = 16  # requests in the queue; another one is refused
SEND_SECONDS = 0.01  # for which the model waits until its text is sent: else it would compete for the processor with it
USUAL_SECONDS = 2.0  # of an answer, before one was measured

Event = TypeVar("Event")
Work = Callable[[Callable[[], None]], Iterator[Event]]
"""Yields events. Calls its argument before each forward pass, which raises Cancelled if nobody waits any more."""


class Cancelled(Exception):  # noqa: N818  # it is not an error
    """Nobody waits for this answer any more."""


class _Done:
    """Follows the last event."""


class Job(Generic[Event]):
    """One request: what it generates, and the event loop that waits for it."""

    def __init__(self, work: Work[Event], waiting: Generation) -> None:
        self._work, self._generation = work, waiting
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | RequestError | _Done] = asyncio.Queue()
        self._cancelled = threading.Event()
        self._sent = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    async def events(self) -> AsyncIterator[Event]:
        """Yield what is generated; end early if the job is cancelled.

        Raises:
            RequestError: it cannot be answered.
        """
        while not isinstance(event := await self._events.get(), _Done):
            if isinstance(event, RequestError):
                raise event
            yield event
            self._sent.set()

    def cancel(self) -> None:
        """Stop before the next forward pass, or leave the queue. Any thread may call this."""
        self._cancelled.set()
        if self._generation.leave(self):
            self._put(_Done())

    def run(self) -> None:
        """Generate, in the thread of the model."""
        try:
            for event in self._work(self._check):
                self._check()
                self._sent.clear()
                self._put(event)
                self._sent.wait(SEND_SECONDS)
        except Cancelled:
            pass
        except VentriloquistError as error:
            self._put(as_request_error(error))
        except Exception as error:
            self._generation.report(error)
            self._put(RequestError(500, "The server failed.", hint="See what vq serve printed, then send it again."))
        finally:
            self._put(_Done())

    def _check(self) -> None:
        if self.is_cancelled:
            raise Cancelled

    def _put(self, event: Event | RequestError | _Done) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)


class Generation:
    """The thread that uses the model, and the requests that wait for it."""

    def __init__(self, log: Callable[[str], None], waiting: int = WAITING) -> None:
        self._log, self._most = log, waiting
        self._changed = threading.Condition()
        self._waiting: deque[Job[object]] = deque()
        self._running: Job[object] | None = None
        self._stopped = False
        self._seconds = USUAL_SECONDS
        self._thread = threading.Thread(target=self._work, name="generation", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, work: Work[Event]) -> Job[Event]:
        """Put a request into the queue.

        Raises:
            RequestError: the queue is full, or the server is stopping.
        """
        job = Job(work, self)
        with self._changed:
            if self._stopped:
                raise RequestError(503, "The server is stopping.", hint="Start vq serve again.")
            if len(self._waiting) >= self._most:
                seconds = max(1, round(self._seconds * (len(self._waiting) + 1)))
                raise RequestError(
                    429,
                    f"{len(self._waiting)} requests are waiting already.",
                    hint=f"Send it again in {seconds} seconds.",
                    code="queue_full",
                    retry_after=seconds,
                )
            self._waiting.append(job)  # type: ignore[arg-type]
            self._changed.notify()
        return job

    def leave(self, job: Job[Event]) -> bool:
        """Take a request out of the queue; return whether it still waited."""
        with self._changed, suppress(ValueError):
            self._waiting.remove(job)  # type: ignore[arg-type]
            return True
        return False

    def stop(self) -> None:
        """Cancel everything and take no more requests. A signal handler may call this."""
        self._stopped = True
        for job in [*self._waiting, self._running]:
            if job is not None:
                job._cancelled.set()

    def join(self, seconds: float) -> bool:
        """Wait until the thread has ended; return whether it has."""
        with self._changed:
            self._changed.notify()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def report(self, error: Exception) -> None:
        """Log a bug: its kind and where it happened. Its message may hold somebody's words."""
        frames = traceback.extract_tb(error.__traceback__)
        where = ", ".join(f"{frame.filename.rpartition('ventriloquist/')[2]}:{frame.lineno}" for frame in frames[-6:])
        self._log(f"A bug: {type(error).__name__} at {where}")

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    if self._stopped:
                        return
                    self._changed.wait(0.5)
                self._running = job = self._waiting.popleft()
            started = time.monotonic()
            job.run()
            self._seconds += 0.2 * (time.monotonic() - started - self._seconds)
            self._running = job = None  # type: ignore[assignment]  # nobody's words stay here
