"""Chatting on the page: sending, streaming, several lines, again, other answers, taking back, starting over, groups."""

from __future__ import annotations

from itertools import count
from threading import Event

import pytest
from browser import ALT, SHIFT, Browser
from page_server import PageServer, Refusal

BUBBLES = ".now .bubble"


def test_the_chat_opens_with_the_real_messages_their_days_and_what_they_are(page: Browser) -> None:
    assert page.texts(".past .day") == ["Mon, 3 June 2024", "Tue, 4 June 2024"]
    assert page.texts(".past .mine .bubble") == ["yes, twice"]
    assert page.text(".past .quote") == "yes, twice"
    assert page.text(".starts") == "Continuing after the last 4 messages. Above are real messages."


def test_a_message_is_sent_with_its_delta_and_the_answer_is_shown(page: Browser, server: PageServer) -> None:
    page.say("where are you?")
    page.shows(BUBBLES, "on my way")
    assert page.texts(BUBBLES) == ["where are you?", "on my way"]
    assert page.js("document.querySelector('#text').value") == ""
    asked = server.asked[0]
    assert asked["messages"] == [{"role": "user", "name": "Robin", "content": "where are you?", "delta": "1d+"}]
    assert (asked["model"], asked["stream"]) == ("Maya", True)
    assert asked["ventriloquist"] == {"date": None, "new": None, "speaker": None}


def test_the_whole_chat_is_sent_again_with_each_message(page: Browser, server: PageServer) -> None:
    page.say("where are you?")
    page.shows(".retry")
    page.say("how long?")
    page.wait("document.querySelectorAll('.now .bubble').length === 4")
    sent = [(said["role"], said["content"], said["delta"]) for said in server.asked[1]["messages"]]
    expected = [("user", "where are you?", "1d+"), ("assistant", "on my way", "<1m"), ("user", "how long?", "<1m")]
    assert sent == expected


def test_text_appears_while_it_is_written(page: Browser, server: PageServer) -> None:
    gate = Event()
    head = {"event": "text", "name": "Maya", "delta": "<1m"}

    def reply(_body: object) -> list[object]:
        more = {"choices": [{"delta": {"content": " and more"}}], "ventriloquist": head}
        return [("Maya", "<1m", "some"), gate, more]

    server.reply = reply  # type: ignore[assignment]
    page.say("hi")
    page.shows(BUBBLES, "some")
    assert page.texts(".stop") == ["Stop"]
    gate.set()
    page.shows(BUBBLES, "some and more")


def test_an_answer_may_have_several_lines(page: Browser, server: PageServer) -> None:
    server.reply = lambda _body: [("Maya", "<1m", "one"), ("Maya", "<5m", "two")]
    page.say("hi")
    page.wait("document.querySelectorAll('.now .bubble').length === 3")
    assert page.texts(BUBBLES) == ["hi", "one", "two"]


def test_each_line_of_a_typed_text_is_a_message(page: Browser, server: PageServer) -> None:
    page.js("document.querySelector('#text').focus()")
    page.type("one")
    page.press("Enter", SHIFT)
    page.type("two")
    page.press("Enter", ALT)
    page.press("Enter", ALT)
    page.type("three")
    assert server.asked == []
    page.press("Enter")
    page.shows(BUBBLES, "on my way")
    assert [said["content"] for said in server.asked[0]["messages"]] == ["one", "two", "three"]


def test_nothing_is_sent_of_an_empty_text(page: Browser, server: PageServer) -> None:
    page.say("  \n ")
    page.press("Enter")
    assert page.texts(BUBBLES) == []
    assert server.asked == []


def test_the_enter_that_ends_a_composed_character_does_not_send(page: Browser, server: PageServer) -> None:
    page.js("document.querySelector('#text').focus()")
    page.type("にほん")
    page.js(
        "document.querySelector('#text').dispatchEvent(new KeyboardEvent('keydown',"
        " {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"
    )
    assert page.texts(BUBBLES) == []


# Several messages, pauses


def test_a_pause_shows_who_types_and_a_long_one_says_how_long(page: Browser, server: PageServer) -> None:
    page.js("document.querySelector('#pauses').click()")
    server.reply = lambda _body: [("Maya", "<1m", "soon"), ("Maya", "<12h", "home")]
    page.say("hi")
    page.shows(".status", "Maya is typing…")
    assert page.texts(BUBBLES) == ["hi"]
    page.shows(BUBBLES, "soon")
    assert page.texts(".later") == []
    page.shows(".status", "Maya is typing…")
    page.shows(BUBBLES, "home")
    assert page.texts(".later") == ["— hours later —"]


def test_the_clock_of_the_chat_moves_on_with_a_long_pause(page: Browser, server: PageServer) -> None:
    server.reply = lambda _body: [("Maya", "1d+", "finally")]
    page.say("hi")
    page.shows(".retry")
    page.say("what?")
    page.wait("document.querySelectorAll('.now .bubble').length === 4")
    assert [said["delta"] for said in server.asked[1]["messages"]] == ["1d+", "1d+", "<1m"]


def test_messages_before_the_answer_are_one_turn(page: Browser, server: PageServer) -> None:
    gate = Event()
    server.reply = lambda body: [gate, ("Maya", "<1m", f"{len(body['messages'])} messages")]
    page.say("one")
    page.wait("document.querySelector('.stop').checkVisibility()")
    page.say("two")
    page.wait("document.querySelectorAll('.waiting').length === 0")
    gate.set()
    page.shows(BUBBLES, "2 messages")
    assert page.texts(BUBBLES) == ["one", "two", "2 messages"]
    page.click(".undo")
    assert page.texts(BUBBLES) == []


def test_an_answer_waits_while_the_user_types(page: Browser, server: PageServer) -> None:
    gate = Event()
    server.reply = lambda body: [gate, ("Maya", "<1m", f"{len(body['messages'])} messages")]
    page.say("one")
    page.type("tw")
    gate.set()
    page.shows(".status", "Maya waits while you write.")
    assert page.texts(BUBBLES) == ["one"]
    page.type("o")
    page.press("Enter")
    page.shows(BUBBLES, "2 messages")
    assert page.texts(BUBBLES) == ["one", "two", "2 messages"]


def test_an_answer_goes_on_when_the_typed_text_is_deleted(page: Browser, server: PageServer) -> None:
    gate = Event()
    server.reply = lambda _body: [gate, ("Maya", "<1m", "here")]
    page.say("one")
    page.type("t")
    gate.set()
    page.shows(".status", "waits")
    page.press("Backspace")
    page.shows(BUBBLES, "here")


def test_a_message_sent_while_a_line_is_written_comes_after_that_line(page: Browser, server: PageServer) -> None:
    gate, numbers = Event(), count()

    def reply(_body: object) -> list[object]:
        first = [("Maya", "<1m", "first"), gate, ("Maya", "<1m", "never seen")]
        return first if next(numbers) == 0 else [("Maya", "<1m", "last")]

    server.reply = reply  # type: ignore[assignment]
    page.say("hi")
    page.shows(BUBBLES, "first")
    page.say("wait")
    page.shows(".waiting", "wait")
    gate.set()
    page.shows(BUBBLES, "last")
    assert page.texts(BUBBLES) == ["hi", "first", "wait", "last"]
    assert [said["content"] for said in server.asked[1]["messages"]] == ["hi", "first", "wait"]


def test_they_can_go_on_without_a_message(page: Browser, server: PageServer) -> None:
    page.click(".go-on")
    page.shows(BUBBLES, "on my way")
    page.click(".go-on")
    page.wait("document.querySelectorAll('.now .bubble').length === 2")
    assert [len(asked["messages"]) for asked in server.asked] == [0, 1]


def test_an_answer_of_nobody_is_said(page: Browser, server: PageServer) -> None:
    server.reply = lambda _body: []
    page.say("hi")
    page.shows(".status", "Nobody answers.")


# The last answer


def test_a_reply_again_takes_the_place_of_the_last_one_with_another_seed(page: Browser, server: PageServer) -> None:
    numbers = count(1)
    server.reply = lambda _body: [("Maya", "<1d", f"answer {next(numbers)}"), ("Maya", "<1m", "and more")]
    page.say("hi")
    page.click(".retry")
    page.shows(BUBBLES, "answer 2")
    page.shows(".retry")
    assert page.texts(BUBBLES) == ["hi", "answer 2", "and more"]
    assert page.texts(".later") == ["— half a day later —"]
    assert [asked.get("seed") for asked in server.asked] == [None, 1]
    assert server.asked[0]["messages"] == server.asked[1]["messages"]
    page.click(".retry")
    page.shows(BUBBLES, "answer 3")
    assert server.asked[2]["seed"] == 2


def test_another_answer_can_be_picked(page: Browser, server: PageServer) -> None:
    page.say("hi")
    page.click(".others")
    page.shows(".choice", "three")
    assert page.focused() == "one"
    asked = server.asked[1]
    assert (asked["n"], asked["stream"], asked["ventriloquist"]["speaker"]) == (4, False, "Maya")
    assert [said["content"] for said in asked["messages"]] == ["hi"]
    page.click(".choice:nth-child(3)")
    assert page.texts(BUBBLES) == ["hi", "three"]
    assert page.texts(".choice") == []
    assert page.focused() == "text"
    page.say("good")
    page.shows(BUBBLES, "on my way")
    assert [said["content"] for said in server.asked[2]["messages"]] == ["hi", "three", "good"]


def test_other_answers_can_be_declined(page: Browser, server: PageServer) -> None:
    page.say("hi")
    page.click(".others")
    page.shows(".choice", "one")
    page.press("Escape")
    assert page.texts(".choice") == []
    assert page.texts(BUBBLES) == ["hi", "on my way"]
    assert page.focused() == "text"


def test_undo_takes_the_turn_back_and_gives_the_words_back(page: Browser, server: PageServer) -> None:
    page.say("hi")
    page.shows(".retry")
    page.say("typo")
    page.wait("document.querySelectorAll('.now .bubble').length === 4")
    page.click(".undo")
    assert page.texts(BUBBLES) == ["hi", "on my way"]
    assert page.js("document.querySelector('#text').value") == "typo"
    page.press("Enter")
    page.wait("document.querySelectorAll('.now .bubble').length === 4")
    assert [said["content"] for said in server.asked[2]["messages"]] == ["hi", "on my way", "typo"]


def test_a_stop_keeps_the_finished_lines_and_ends_the_request(page: Browser, server: PageServer) -> None:
    gate = Event()
    server.reply = lambda _body: [
        ("Maya", "<1m", "whole"),
        ("Maya", "<1m", "half"),
        gate,
        *[("Maya", "<1m", "x" * 7000)] * 100,
    ]
    page.say("hi")
    page.shows(BUBBLES, "half")
    page.click(".stop")
    page.shows(".status", "Stopped.")
    assert page.texts(BUBBLES) == ["hi", "whole"]
    assert page.focused() == "text"
    gate.set()
    server.reply = lambda _body: [("Maya", "<1m", "fine")]
    page.say("ok")
    page.wait("document.querySelectorAll('.now .bubble').length > 3")
    assert [said["content"] for said in server.asked[1]["messages"]] == ["hi", "whole", "ok"]
    assert server.gone


def test_escape_stops_before_anything_is_seen_and_the_turn_stays_open(page: Browser, server: PageServer) -> None:
    gate = Event()
    server.reply = lambda _body: [gate]
    page.say("hi")
    page.wait("document.querySelector('.stop').checkVisibility()")
    page.press("Escape")
    page.shows(".status", "Stopped.")
    gate.set()
    server.reply = lambda _body: [("Maya", "<1m", "fine")]
    page.say("well?")
    page.shows(BUBBLES, "fine")
    page.click(".undo")
    assert page.js("document.querySelector('#text').value") == "hi\nwell?"


# Starting over, groups, conversations


@pytest.mark.parametrize("date", ["2019", "2019-06", "2019-06-15"])
def test_an_earlier_self_answers_after_its_date(page: Browser, server: PageServer, date: str) -> None:
    page.click("#options")
    page.click("#date")
    page.type(date)
    page.press("Enter")
    page.shows(".starts", f"Continuing after {date}.")
    assert page.text("#where") == f"in {date}"
    assert server.opened[-1] == {"model": "Maya", "date": date}
    assert page.focused() == "text"
    page.say("hi")
    page.shows(BUBBLES, "on my way")
    assert server.asked[0]["ventriloquist"]["date"] == date
    assert server.asked[0]["messages"][0]["delta"] == "<1m"  # as if it were right after the last message


def test_a_wrong_date_is_explained_beside_its_field(page: Browser, server: PageServer) -> None:
    page.click("#options")
    page.click("#date")
    page.type("June")
    page.press("Enter")
    page.shows("#date-error", "Write it as 2019-06-15, 2019-06 or 2019.")
    assert page.focused() == "date"

    def refuse(_query: object) -> dict[str, object]:
        raise Refusal(400, "'2019-13' is not a date.")

    server.opening = refuse
    page.js("document.querySelector('#date').select()")
    page.type("2019-13")
    page.press("Enter")
    page.shows("#date-error", "'2019-13' is not a date.")
    assert page.texts(".past .mine .bubble") == ["yes, twice"]
    assert all("400" in complaint for complaint in page.complaints)
    page.complaints.clear()


def test_a_chat_starts_over_without_earlier_messages_and_can_be_brought_back(page: Browser, server: PageServer) -> None:
    page.say("hi")
    page.shows(".retry")
    page.click("#options")
    page.click("#fresh")
    page.shows(".starts", "A new conversation.")
    assert page.texts(".bubble") == []
    page.click(".restore")
    assert page.texts(BUBBLES) == ["hi", "on my way"]
    page.click("#options")
    page.click("#fresh")
    page.shows(".starts", "A new conversation.")
    page.say("hello?")
    page.shows(BUBBLES, "on my way")
    assert server.asked[1]["ventriloquist"]["new"] is True
    assert server.asked[1]["messages"] == [{"role": "user", "name": "Robin", "content": "hello?", "delta": "<1m"}]
    page.click("#options")
    page.click("#again-real")
    page.shows(".starts", "Continuing after the last 4 messages.")
    assert [opened.get("new") for opened in server.opened[-2:]] == ["1", "0"]


def test_a_group_shows_who_writes_and_the_user_chooses_who_answers(page: Browser, server: PageServer) -> None:
    page.click("#list li:nth-child(2) .entry")
    page.wait("document.querySelector('#name').innerText === 'Climbers'")
    server.reply = lambda _body: [("Maya", "<1m", "me"), ("Maya", "<1m", "twice"), ("Priya", "<1m", "and me")]
    page.say("who comes?")
    page.shows(BUBBLES, "and me")
    assert page.texts(".now .who") == ["Maya", "Priya"]
    page.click("#options")
    options = page.js("[...document.querySelectorAll('#speaker option')].map((one) => one.innerText)")
    assert options == ["Anyone", "Maya", "Priya"]
    page.js(
        "(one => { one.value = 'Priya'; one.dispatchEvent(new Event('change')) })(document.querySelector('#speaker'))"
    )
    page.press("Escape")
    page.say("priya?")
    page.wait("document.querySelectorAll('.now .bubble').length === 8")
    assert server.asked[0]["ventriloquist"]["speaker"] is None
    assert server.asked[1]["ventriloquist"]["speaker"] == "Priya"
    assert [said["name"] for said in server.asked[1]["messages"]] == ["Robin", "Maya", "Maya", "Priya", "Robin"]
    assert page.text("#disclaimer") == "Written by a model, not by Maya or Priya."


def test_chats_stay_apart_and_an_answer_goes_on_in_the_background(page: Browser, server: PageServer) -> None:
    gate = Event()
    server.reply = lambda body: [gate, (body["model"], "<1m", f"from {body['model']}")]
    page.say("secret of maya")
    page.type("draft")
    page.click("#list li:nth-child(3) .entry")
    page.wait("document.querySelector('#name').innerText === 'Priya'")
    assert page.js("document.querySelector('#text').value") == ""
    assert page.texts(BUBBLES) == []
    gate.set()
    page.shows("#list li:nth-child(1) .last", "from Maya")
    page.wait("document.querySelector('#list li:nth-child(1) .unread').checkVisibility()")
    page.say("hi priya")
    page.shows(BUBBLES, "from Priya")
    assert [said["content"] for said in server.asked[1]["messages"]] == ["hi priya"]
    page.click("#list li:nth-child(1) .entry")
    page.shows(BUBBLES, "from Maya")
    assert page.js("document.querySelector('#text').value") == "draft"
    assert page.texts(".unread") == []
