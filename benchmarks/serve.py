"""Put `vq serve` under load, and measure how soon an answer begins.

    VQ_HOME=… python benchmarks/serve.py --as Maya

The script starts `vq serve` on a free port, as a process of its own, with the newest run of VQ_HOME. First it measures
the time until the first text, in seconds of the processor, which other work on the machine changes little, and of the
clock: of a chat in this process, which works as `vq chat` does, beside that of the server with the same messages; and
of an early turn beside turn 50, with the whole history sent again. Then it sends what a server must bear: concurrent
requests, aborted ones, clients that read nothing or send slowly, large bodies, and forged headers. It prints the
statuses, and the server's memory after each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import closing, suppress
from typing import IO, Any, NamedTuple

import httpx
import psutil

from ventriloquist import chat
from ventriloquist.settings import load_settings

MIB = 1 << 20
WARM = 2  # turns that are not counted
LATE = 45  # turns of the long chat before it is measured
WORDS = "are you home? i am on the train and it is late again, what shall we eat, tea or soup, tell me soon"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--as", dest="person", required=True, help="who answers")
    parser.add_argument("--concurrent", type=int, default=200)
    parser.add_argument("--aborted", type=int, default=1000)
    parser.add_argument("--large", type=int, default=4, help="bodies of 100 MB")
    parser.add_argument("--repeats", type=int, default=6, help="of the first token")
    arguments = parser.parse_args()
    command = [sys.executable, "-m", "ventriloquist", "serve", "--port", "0", "--no-open", "--seed", "1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            url, token = address(process)
            server = Server(url, token, psutil.Process(process.pid), arguments.person)
            print(json.dumps(first_tokens(server, arguments.repeats), indent=2))
            asyncio.run(load(server, arguments))
        finally:
            process.terminate()


class Seconds(NamedTuple):
    """The time until the first text."""

    processor: float
    clock: float


class Server:
    """A server that runs in another process."""

    def __init__(self, url: str, token: str, process: psutil.Process, person: str) -> None:
        self.url, self.token, self.process, self.person = url, token, process, person

    def body(self, messages: list[dict[str, str]], **fields: Any) -> dict[str, Any]:
        return {"model": self.person, "messages": messages, "stream": True, "max_tokens": 8, "seed": 1, **fields}

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> str:
        return f"{self.process.memory_info().rss / MIB:.0f} MiB"


def address(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return URL and token from what the server prints; a thread reads its log from then on."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(r"(http://\S+)/\?token=(\S+)", line):
            threading.Thread(target=_read, args=(process.stderr,), daemon=True).start()
            return found[1], found[2]
    raise SystemExit("vq serve did not start")


def _read(log: IO[str]) -> None:
    with suppress(ValueError):  # it is closed at the end
        for _ in log:
            pass


def first_tokens(server: Server, repeats: int) -> dict[str, Any]:
    """Measure the time until the first text: chat beside the server, and an early turn beside a late one."""
    settings = load_settings()
    voice = chat.find_voice(settings.home)
    plan = chat.plan(settings.home, chat.Request(speaker=server.person), voice, timezone=settings.time_zone)
    session = chat.start(plan, chat.load_writer(voice, seed=1, backend=settings.backend))
    short: list[dict[str, str]] = []
    by_chat: list[Seconds] = []
    by_server: list[Seconds] = []
    by_late: list[Seconds] = []
    long = [message for turn in range(LATE) for message in ask(turn, f"ok then {turn}")]
    with httpx.Client(timeout=600) as client:
        for turn in range(repeats + WARM):
            text = ask(turn)[0]["content"]
            seconds, said = first_text(client, server, [*short, *ask(turn)])
            by_server.append(seconds)
            short += ask(turn, said)
            by_late.append(first_text(client, server, [*long, *ask(LATE + turn)])[0])
            long += ask(LATE + turn, said)
            session.say(text)
            started = time.process_time(), time.perf_counter()
            with closing(session.answer()) as pieces:
                next(pieces)
                by_chat.append(Seconds(time.process_time() - started[0], time.perf_counter() - started[1]))
            session.recall([(server.person, None, said)])
    found = {}
    for kind in Seconds._fields:
        own, early, late = (
            statistics.median(getattr(seconds, kind) for seconds in times[WARM:])
            for times in (by_chat, by_server, by_late)
        )
        found[kind] = {
            "first_text_chat_s": round(own, 3),
            "first_text_serve_s": round(early, 3),
            "serve_over_chat": round(early / own, 2),
            "first_text_turn_50_s": round(late, 3),
            "turn_50_over_early_turn": round(late / early, 2),
        }
    return found


def ask(turn: int, answer: str | None = None) -> list[dict[str, str]]:
    """Return the user's message of a turn, and the answer if it is given."""
    asked = {"role": "user", "content": f"{WORDS[turn % 40 : turn % 40 + 30]} {turn}"}
    return [asked] if answer is None else [asked, {"role": "assistant", "content": answer}]


def first_text(client: httpx.Client, server: Server, messages: list[dict[str, str]]) -> tuple[Seconds, str]:
    """Return the time until the first text, and the first line of the answer."""
    body = server.body(messages, max_tokens=4, stop=["\n"])
    started = server.cpu_seconds(), time.perf_counter()
    seconds, said = None, ""
    with client.stream("POST", f"{server.url}/v1/chat/completions", json=body) as response:
        for text in texts(response.iter_lines()):
            clock = time.perf_counter() - started[1]
            seconds = seconds or Seconds(server.cpu_seconds() - started[0], clock)
            said += text
    if seconds is None:
        raise SystemExit("the server wrote nothing")
    return seconds, said


def texts(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("data: {"):
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                if text := choice["delta"].get("content"):
                    yield text


async def load(server: Server, arguments: argparse.Namespace) -> None:
    """Send what a server must bear, and print what came of it."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=600, limits=limits) as client:
        print(f"before: {server.memory()}")
        hello = server.body([{"role": "user", "content": "hello"}])
        await report(server, f"{arguments.concurrent} at once", posts(client, server, hello, arguments.concurrent))
        await report(server, f"{arguments.aborted} aborted", aborted(server, hello, arguments.aborted))
        await report(server, "40 that read nothing", silent(server, hello, 40))
        await report(server, f"{arguments.large} bodies of 100 MB", large(client, server, arguments.large))
        forged = [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}] * 20
        asked = [client.get(f"{server.url}/v1/models", headers=headers) for headers in forged]
        await report(server, f"{len(forged)} forged headers", statuses(asked))
        await report(server, f"{arguments.aborted} aborted again", aborted(server, hello, arguments.aborted))
        await asyncio.sleep(3)
        await report(server, "and then one more", posts(client, server, hello, 1))


async def report(server: Server, name: str, work: Awaitable[Counter[str]]) -> None:
    started = time.perf_counter()
    found = ", ".join(f"{count} × {status}" for status, count in sorted((await work).items()))
    print(f"{name}: {found}; {time.perf_counter() - started:.1f} s; {server.memory()}", flush=True)


async def statuses(asked: list[Awaitable[httpx.Response]]) -> Counter[str]:
    async def status(one: Awaitable[httpx.Response]) -> str:
        try:
            return str((await one).status_code)
        except httpx.HTTPError as error:
            return type(error).__name__

    return Counter(await asyncio.gather(*map(status, asked)))


async def posts(client: httpx.AsyncClient, server: Server, body: dict[str, Any], count: int) -> Counter[str]:
    return await statuses([client.post(f"{server.url}/v1/chat/completions", json=body) for _ in range(count)])


async def large(client: httpx.AsyncClient, server: Server, count: int) -> Counter[str]:
    async def chunks() -> Any:
        for _ in range(100):
            yield b"x" * 1_000_000

    url = f"{server.url}/v1/chat/completions"
    whole = [client.post(url, content=b"x" * 100_000_000) for _ in range(count // 2)]
    return await statuses([*whole, *(client.post(url, content=chunks()) for _ in range(count - count // 2))])


def request(body: dict[str, Any]) -> bytes:
    data = json.dumps(body).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


async def aborted(server: Server, body: dict[str, Any], count: int) -> Counter[str]:
    """Send requests, twenty at a time, and close each connection after a moment of its own."""
    data = request(body)
    port = int(server.url.rpartition(":")[2])
    turns = asyncio.Semaphore(20)

    async def one(number: int) -> str:
        async with turns:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            await writer.drain()
            try:
                async with asyncio.timeout(0.002 * (number % 20)):
                    answered = await reader.readline()
            except TimeoutError:
                answered = b""
            writer.transport.abort()
            return answered.decode().split(" ")[1] if answered else "before an answer"

    return Counter(await asyncio.gather(*map(one, range(count))))


async def silent(server: Server, body: dict[str, Any], count: int) -> Counter[str]:
    """Ask, read nothing for ten seconds, and see whether others are answered meanwhile."""
    port = int(server.url.rpartition(":")[2])
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for number, (_, writer) in enumerate(opened):
        writer.write(request(body) if number % 2 else b"POST /v1/chat/completions HTTP/1.1\r\nHo")
        await writer.drain()
    await asyncio.sleep(10)
    async with httpx.AsyncClient(timeout=60) as client:
        status = (await client.get(f"{server.url}/v1/models")).status_code
    for _, writer in opened:
        writer.transport.abort()
    return Counter([f"{status} for another client"])


if __name__ == "__main__":
    main()
