"""What the page says when something fails, and that nothing typed is lost."""

from __future__ import annotations

from itertools import count
from threading import Event

import pytest
from browser import Browser
from page_server import PageServer, Refusal, serving

BUBBLES = ".now .bubble"


def failing(*refusals: Refusal) -> object:
    """Return a reply that fails so many times and then works."""
    numbers = count()

    def reply(_body: object) -> list[object]:
        number = next(numbers)
        if number < len(refusals):
            raise refusals[number]
        return [("Maya", "<1m", "on my way")]

    return reply


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (Refusal(429, "busy", {"Retry-After": "7"}), "The server is busy with other requests. Try again in 7 seconds."),
        (Refusal(503, "busy"), "The server is busy with other requests. Try again in 5 seconds."),
        (Refusal(401, "no"), "The server does not accept this page any more. Open the link that vq serve printed."),
        (Refusal(403, "no"), "The server does not accept this page any more. Open the link that vq serve printed."),
        (Refusal(500), "The server failed (500). Look at the terminal of vq serve, then try again."),
    ],
)
def test_a_refusal_says_what_to_do_and_the_message_can_be_sent_again(
    page: Browser, server: PageServer, refusal: Refusal, says: str
) -> None:
    server.reply = failing(refusal)  # type: ignore[assignment]
    page.say("are you there?")
    page.shows(".tail .problem", says)
    assert page.texts(BUBBLES) == ["are you there?"]
    page.click(".resend")
    page.shows(BUBBLES, "on my way")
    assert page.texts(".tail .problem") == []
    assert server.asked[0]["messages"] == server.asked[1]["messages"]
    assert all(str(refusal.status) in complaint for complaint in page.complaints)
    page.complaints.clear()


@pytest.mark.parametrize(
    ("refusal", "says"),
    [
        (Refusal(400, "That is too long: 9,000 tokens."), "That is too long: 9,000 tokens."),
        (Refusal(413), "That is too long for the server. Send a shorter message, or start over."),
    ],
)
def test_what_can_never_be_sent_goes_back_into_the_field(
    page: Browser, server: PageServer, refusal: Refusal, says: str
) -> None:
    server.reply = failing(refusal)  # type: ignore[assignment]
    page.say("much too long")
    page.shows(".tail .problem", says)
    assert page.texts(BUBBLES) == []
    assert page.texts(".resend") == []
    assert page.js("document.querySelector('#text').value") == "much too long"
    page.complaints.clear()


def test_a_server_that_is_gone_is_named_and_the_words_stay(page: Browser, server: PageServer) -> None:
    url, server.url = server.url, "http://127.0.0.1:9/"
    page.js("window.fetch = () => Promise.reject(new TypeError('Failed to fetch'))")  # a server cannot go and come back
    page.say("hello?")
    page.shows(".tail .problem", "The server does not answer. Start vq serve again, and open the link that it prints.")
    assert page.texts(BUBBLES) == ["hello?"]
    assert page.texts(".resend") == ["Try again"]
    server.url = url


def test_an_answer_that_breaks_off_keeps_its_finished_lines(page: Browser, server: PageServer) -> None:
    error = {
        "error": {"message": "The model ran out of memory. Start vq serve with a smaller one.", "type": "server_error"}
    }
    server.reply = lambda _body: [("Maya", "<1m", "whole"), ("Maya", "<1m", "half"), error]
    page.say("hi")
    page.shows(".tail .problem", "The model ran out of memory. Start vq serve with a smaller one.")
    assert page.texts(BUBBLES) == ["hi", "whole"]


@pytest.mark.parametrize(
    "nonsense", [{"choices": []}, {"ventriloquist": {"event": "text"}}, {"choices": [{"delta": {}}]}]
)
def test_a_chunk_without_sense_harms_nothing(page: Browser, server: PageServer, nonsense: dict[str, object]) -> None:
    server.reply = lambda _body: [nonsense, ("Maya", "<1m", "fine"), nonsense]
    page.say("hi")
    page.shows(".retry")
    assert page.texts(BUBBLES) == ["hi", "fine"]


def test_other_answers_that_fail_leave_the_answer(page: Browser, server: PageServer) -> None:
    def refuse(_body: object) -> list[str]:
        raise Refusal(429)

    server.alternatives = refuse
    page.say("hi")
    page.click(".others")
    page.shows(".tail .problem", "The server is busy")
    assert page.texts(BUBBLES) == ["hi", "on my way"]
    assert page.texts(".retry") == ["Reply again"]
    page.complaints.clear()


def test_a_page_that_may_not_load_says_so_and_tries_again(page: Browser, server: PageServer) -> None:
    kept, server.models = server.models, []
    page.open(server.url)
    page.shows("#blank-text", "There is nobody to chat with yet. Run vq collect, vq prepare and vq train.")
    server.models = kept
    page.click("#reload")
    page.shows(".starts")


def test_a_conversation_that_cannot_be_opened_says_so_and_the_others_can(page: Browser, server: PageServer) -> None:
    right = server.opening

    def refuse(_query: dict[str, str]) -> dict[str, object]:
        raise Refusal(500)

    page.say("kept")
    page.shows(".retry")
    server.opening = refuse
    page.click("#list li:nth-child(3) .entry")
    page.shows(".tail .problem", "The server failed (500).")
    page.say("words before it opens")
    assert server.asked[1:] == []
    page.click("#list li:nth-child(1) .entry")
    page.shows(BUBBLES, "kept")
    server.opening = right
    page.click("#list li:nth-child(3) .entry")
    page.click(".resend")
    page.shows(".starts", "Continuing")
    page.shows(BUBBLES, "words before it opens")
    page.complaints.clear()


def test_what_is_sent_before_the_chat_is_loaded_is_sent_then(page: Browser, server: PageServer) -> None:
    right, gate = server.opening, Event()

    def slow(query: dict[str, str]) -> dict[str, object]:
        gate.wait(20)
        return right(query)

    server.opening = slow
    page.click("#list li:nth-child(3) .entry")
    page.say("first")
    page.type("draft")
    gate.set()
    page.shows(BUBBLES, "on my way")
    assert [said["content"] for said in server.asked[0]["messages"]] == ["firstdraft"]


def test_two_servers_share_no_chat(page: Browser, server: PageServer) -> None:
    page.say("only here")
    page.shows(".retry")
    with serving(PageServer(server.models, server.reply, server.opening)) as other:
        page.open(other.url)
        page.shows(".starts")
        assert page.texts(BUBBLES) == []
