"""What every test of the page gets: a server that says what the test tells it to, and a browser that shows the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import CHROMIUM, Browser, browser
from page_server import PageServer, model, serving

DAY = 86_400_000
EVENING = 1_717_524_000_000  # 2024-06-04 18:00 UTC


def opening(query: dict[str, str]) -> dict[str, object]:
    if query.get("new") == "1":
        return {"starts": "A new conversation.", "lines": []}
    said = [
        ("Maya", EVENING - DAY, "did you water the tomatoes?"),
        ("Robin", EVENING - DAY + 1000, "yes, twice"),
        ("Maya", EVENING, '[replying to "yes, twice"] you are a hero'),
        ("Maya", EVENING + 1000, "see you sunday"),
    ]
    lines = [{"name": name, "sent_at": at, "delta": "<1m", "content": text} for name, at, text in said]
    return {"starts": f"Continuing after {query.get('date', 'the last 4 messages')}.", "lines": lines}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no Chromium or Chrome on this machine")
    with browser() as started:
        yield started


@pytest.fixture
def server() -> Iterator[PageServer]:
    models = [model("Maya"), model("Climbers", "Maya", "Priya", sent_at=EVENING - DAY), model("Priya", sent_at=0)]
    with serving(PageServer(models, lambda _body: [("Maya", "<1m", "on my way")], opening)) as started:
        yield started


@pytest.fixture
def page(chromium: Browser, server: PageServer) -> Iterator[Browser]:
    """The page with Maya's chat open and without pauses. Whatever its console complains about fails the test."""
    chromium.size(1100, 800)
    chromium.prefer()
    chromium.requested.clear()
    chromium.open(server.url)
    chromium.shows(".starts", "Continuing")
    chromium.js("document.querySelector('#pauses').click()")
    chromium.complaints.clear()
    yield chromium
    assert chromium.complaints == []
    chromium.open("about:blank")
