"""The page with the real server and a tiny model: the link with the token, the rules of the CSP, a whole chat."""

from __future__ import annotations

from browser import Browser
from running import KIM, ME, ZOE, Running


def opened(chromium: Browser, served: Running) -> Browser:
    """Open the page by the link that `vq serve` prints, without pauses."""
    chromium.size(1100, 800)
    chromium.prefer()
    chromium.complaints.clear()
    chromium.requested.clear()
    chromium.open(f"{served.url}/?token={served.plan.token}")
    chromium.shows(".past .bubble")
    chromium.js("document.querySelector('#pauses').click()")
    return chromium


def choose(page: Browser, name: str) -> None:
    """Open a conversation."""
    page.js(f"[...document.querySelectorAll('.entry')].find((one) => one.innerText.includes({name!r})).click()")
    page.wait(f"document.querySelector('#name').innerText === {name!r}")
    page.shows(".past .bubble")


def answered(page: Browser, lines: int) -> list[str]:
    """Wait until the answer is finished, and return all lines of the chat."""
    page.wait("[...document.querySelectorAll('.stop')].every((one) => !one.checkVisibility())", seconds=60)
    page.wait(f"document.querySelectorAll('.now .bubble').length >= {lines}")
    return page.texts(".now .bubble")


def test_the_link_opens_the_page_and_the_token_leaves_the_address(chromium: Browser, served: Running) -> None:
    page = opened(chromium, served)
    assert page.js("location.href") == f"{served.url}/"
    assert page.js("document.cookie") == ""  # no script can read it
    assert sorted(page.texts(".entry .name")) == sorted([KIM, ZOE, "Garden"])
    assert all(url.startswith((served.url, "data:")) for url in page.requested)
    assert page.complaints == []


def test_a_whole_chat_with_a_model(chromium: Browser, served: Running) -> None:
    page = opened(chromium, served)
    choose(page, KIM)
    assert page.texts(".past .mine .bubble")[-1].startswith("tea ")
    page.say("hello")
    first = answered(page, 2)
    assert first[0] == "hello"
    page.click(".retry")
    assert answered(page, 2)[0] == "hello"
    page.click(".others")
    page.wait("document.querySelector('.choice')?.checkVisibility()", seconds=60)
    choice = page.texts(".choice")[0]
    page.click(".choice")
    assert page.texts(".now .bubble") == ["hello", choice]
    page.click(".undo")
    assert page.texts(".now .bubble") == []
    assert page.js("document.querySelector('#text').value") == "hello"
    assert page.complaints == []


def test_an_empty_new_chat_and_a_group_are_answered(chromium: Browser, served: Running) -> None:
    page = opened(chromium, served)
    choose(page, "Garden")
    page.click("#options")
    page.js("document.querySelector('#speaker').focus()")
    page.press("End")
    chosen = page.js("document.querySelector('#speaker').value")
    assert chosen not in ("", ME)
    page.click("#fresh")
    page.wait("document.querySelectorAll('.past .bubble').length === 0")
    page.click(".go-on")
    answered(page, 1)
    assert page.texts(".now .who") == [chosen]
    assert page.complaints == []


def test_a_wrong_date_of_the_server_is_shown(chromium: Browser, served: Running) -> None:
    page = opened(chromium, served)
    choose(page, KIM)
    page.click("#options")
    page.click("#date")
    page.type("2024-13")
    page.press("Enter")
    page.shows("#date-error", "'2024-13' is not a date. Write it as 2019-06-15, 2019-06 or 2019.")
    page.js("document.querySelector('#date').select()")
    page.type("1999")
    page.press("Enter")
    page.shows(".starts", "1999")
    page.complaints.clear()


def test_without_the_link_there_is_no_page(chromium: Browser, served: Running) -> None:
    chromium.forget()
    chromium.open(f"{served.url}/")
    assert "Open the address that vq serve printed" in chromium.text("body")
    chromium.complaints.clear()


def test_a_page_whose_cookie_is_gone_says_to_open_the_link(chromium: Browser, served: Running) -> None:
    page = opened(chromium, served)
    page.forget()
    choices = "[...document.querySelectorAll('.entry')]"
    page.js(f"{choices}.find((one) => !one.getAttribute('aria-current')).click()")
    page.shows(".tail .problem", "Open the link that vq serve printed.")
    page.complaints.clear()
