"""Names and messages of strangers: markup, directions, very long words, thousands of messages, broken times."""

from __future__ import annotations

import pytest
from browser import Browser
from page_server import PageServer, model

TEXTS = [
    "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
    "</template></ol><style>*{display:none}</style><iframe src=//example.com>",
    "javascript:alert(1) &amp; &lt;b&gt; ${1+1} {{7*7}}",
    "\u202eevil\u2066\u2067\u202d",
    "שלום עולם, مرحبا بالعالم",
    "👩‍👩‍👧‍👦🏳️‍🌈👍🏽" * 40,
    "w" * 5000,
    "Z̸̢̛͇" + "̸̢̛͇" * 400,
    "\x00\x07\x1b[31m\ufffc\ufeff\u2028line\u2029",
    '[replying to "',
    '[replying to "a [b "] c"] "] rest',
    "   leading and trailing   ",
    "-- %s %d \\n ' \" `",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_shown_as_a_text_everywhere(page: Browser, server: PageServer, text: str) -> None:
    name = text[:200]
    server.models = [model(name, last=text), model(f"Group {name}", name, "Priya", last=text)]
    server.about["warnings"] = [text]
    server.about["written_by"] = text
    server.opening = lambda _query: {
        "starts": text,
        "lines": [{"name": name, "content": text, "sent_at": 1_717_524_000_000, "delta": "<1m"}],
    }
    server.reply = lambda _body: [(name, "<1m", text), (name, "<12h", text)]
    server.alternatives = lambda _body: [text]
    page.open(server.url)
    page.shows(".past .bubble")
    page.js("document.querySelector('#pauses').click()")
    for number in (1, 2):
        page.click(f"#list li:nth-child({number}) .entry")
        page.wait(f"document.querySelector('#list li:nth-child({number}) .entry').getAttribute('aria-current')")
        page.shows(".past .bubble")
        page.say("hi")
        page.shows(".retry")
        assert page.js("document.querySelectorAll('.now .bubble').length") == 3
        page.click(".others")
        page.wait("document.querySelector('.choice')?.checkVisibility()")
        assert page.js("document.querySelectorAll('img, iframe, style, script').length") == 1
        assert page.js("document.title") == "Ventriloquist"
        assert not page.js("document.documentElement.scrollWidth > innerWidth")
        assert not page.js("(one => one.scrollWidth > one.clientWidth)(document.querySelector('#scroller'))")
        banner = page.text("#disclaimer")
        assert banner.startswith("Written by a model, not by ")
        assert page.box("#disclaimer")["height"] < 300
    shown = page.js("document.querySelector('.now .message:not(.mine) .bubble').textContent")
    quoted = text.removeprefix('[replying to "').replace('"] rest', "rest") if text.startswith("[rep") else text
    assert shown.replace(" ", "") in (text.replace(" ", ""), quoted.replace(" ", ""))
    sent = [said["content"] for said in server.asked[-1]["messages"]]
    assert sent == ["hi"]


def test_a_direction_in_a_name_does_not_turn_the_sentence_around_it(page: Browser, server: PageServer) -> None:
    server.models = [model("\u202eayaM")]
    page.open(server.url)
    page.shows(".starts")
    left = "(one => { const range = document.createRange(); range.selectNode(one.firstChild);"
    start = page.js(f"{left} return range.getBoundingClientRect().x }})(document.querySelector('#disclaimer'))")
    name = page.js("document.querySelector('#disclaimer bdi').getBoundingClientRect().x")
    assert start < name


def test_right_to_left_messages_begin_at_the_right(page: Browser, server: PageServer) -> None:
    server.reply = lambda _body: [("Maya", "<1m", "שלום " * 60)]
    page.say("مرحبا")
    page.shows(".retry")
    directions = "[...document.querySelectorAll('.now .bubble')].map((one) => getComputedStyle(one).direction)"
    assert page.js(directions) == ["rtl", "rtl"]


def test_ten_thousand_real_messages_are_drawn_in_parts(page: Browser, server: PageServer) -> None:
    lines = [
        {"name": "Maya", "content": f"message {n}", "sent_at": n * 3_600_000, "delta": "<1m"} for n in range(10_000)
    ]
    server.opening = lambda _query: {"starts": "Continuing.", "lines": lines}
    page.open(server.url)
    page.shows(".past .bubble", "message 9999")
    assert page.js("document.querySelectorAll('.past .bubble').length") == 500
    assert page.texts(".more") == ["9,500 earlier messages"]
    page.js("document.querySelector('#scroller').scrollTop = 0")
    seen = page.js("document.querySelector('.past .bubble').getBoundingClientRect().y")
    page.click(".more")
    assert page.js("document.querySelectorAll('.past .bubble').length") == 1000
    still = page.js("document.querySelectorAll('.past .bubble')[500].getBoundingClientRect().y")
    assert still == pytest.approx(seen, abs=30)  # a line for the day may come between
    page.say("hi")
    page.shows(".now .bubble", "on my way")


def test_two_thousand_conversations_are_listed(page: Browser, server: PageServer) -> None:
    server.models = [model(f"Person {number}", sent_at=number) for number in range(2000)]
    page.open(server.url)
    page.shows(".starts")
    assert page.js("document.querySelectorAll('.entry').length") == 2000
    assert page.text(".entry .name") == "Person 1999"  # who wrote last comes first


@pytest.mark.parametrize("broken", [None, -1, 1e300, "soon", 0])
def test_a_broken_time_harms_nothing(page: Browser, server: PageServer, broken: object) -> None:
    server.models[0]["ventriloquist"]["last"]["sent_at"] = broken
    server.opening = lambda _query: {"starts": "", "lines": [{"name": "Maya", "content": "hm", "sent_at": broken}]}
    page.open(server.url)
    page.shows(".past .bubble", "hm")
    page.say("hi")
    page.shows(".now .bubble", "on my way")


def test_a_model_without_our_object_is_a_person(page: Browser, server: PageServer) -> None:
    server.models = [{"id": "plain"}]
    page.open(server.url)
    page.shows("#name", "plain")
