"""The page for everybody: keyboard, screen reader, contrast, light and dark, a phone, and a banner that never goes."""

from __future__ import annotations

from threading import Event

import pytest
from browser import Browser
from page_server import PageServer, model

TEXTS = (
    ".banner, .name, .when, .last, .avatar, #name, #where, .day, .starts, .later, .bubble, .who, .quote,.actions button"
)
# the contrast of each visible text with what is behind it, by the formula of WCAG 2.2
CONTRAST = """
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgb = (css) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    throw new Error('nothing opaque');
  };
  return [...document.querySelectorAll(%r)].filter((one) => one.checkVisibility()).map((one) => {
    const [high, low] = [light(rgb(getComputedStyle(one).color)), light(behind(one))].sort((a, b) => b - a);
    return [one.className || one.id, Math.round((high + 0.05) / (low + 0.05) * 100) / 100];
  });
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_that_people_need(page: Browser, server: PageServer, scheme: str) -> None:
    page.prefer(color_scheme=scheme)
    server.reply = lambda _body: [("Maya", "<1m", "me"), ("Priya", "<12h", '[replying to "me"] and me')]
    page.click("#list li:nth-child(2) .entry")
    page.say("who comes?")
    page.shows(".retry")
    found = page.js(CONTRAST % TEXTS)
    assert len(found) > 25
    assert [pair for pair in found if pair[1] < 4.5] == []
    dark = page.js("getComputedStyle(document.body).backgroundColor") == "rgb(20, 22, 27)"
    assert dark == (scheme == "dark")


def test_the_banner_is_seen_wherever_the_reader_is(page: Browser, server: PageServer) -> None:
    server.reply = lambda _body: [("Maya", "<1m", "long " * 300)] * 6
    page.say("hi")
    page.shows(".retry")
    for width, height in ((1100, 800), (390, 844), (844, 390), (320, 256)):
        page.size(width, height)
        for share in (0, 0.5, 1):
            page.js(f"document.querySelector('#scroller').scrollTop = {share} * 1e6")
            banner = page.box("#disclaimer")
            assert banner["y"] >= 0
            assert banner["y"] + banner["height"] <= height
            assert page.text("#disclaimer") == "Written by a model, not by Maya."
            at = f"{banner['x'] + banner['width'] / 2}, {banner['y'] + banner['height'] / 2}"
            assert page.js(f"document.elementFromPoint({at}).closest('#banner') !== null")


def test_the_banner_stays_while_the_list_of_a_phone_is_shown(page: Browser) -> None:
    page.size(390, 844, phone=True)
    page.click("#back")
    assert page.texts("#disclaimer") == ["Written by a model, not by Maya."]
    assert page.texts("#list-title") == ["Conversations"]


def test_the_banner_of_a_small_group_names_everybody(page: Browser, server: PageServer) -> None:
    server.models = [model("Trio", "Maya", "Tomek", "Inés")]
    page.open(server.url)
    page.shows("#disclaimer", "Written by a model, not by Maya, Tomek or Inés.")


def test_the_banner_of_a_large_group_does_not_name_everybody(page: Browser, server: PageServer) -> None:
    server.models = [model("Choir", *[f"Singer {number}" for number in range(30)])]
    page.open(server.url)
    page.shows("#disclaimer", "Written by a model, not by the people of this group.")


def test_warnings_are_shown_with_the_banner(page: Browser, server: PageServer) -> None:
    server.about["warnings"] = ["The messages were prepared again after the adapter was trained."]
    page.open(server.url)
    page.shows("#warnings", "Warning: The messages were prepared again")
    assert page.texts("#about") == []  # not before the options are opened
    page.click("#options")
    page.shows("#about", "Written by tiny (adapter 1). You write as Robin. This chat is gone when you close the page.")


# A phone


@pytest.mark.parametrize(("width", "height"), [(390, 844), (320, 568), (844, 390)])
def test_nothing_scrolls_sideways_and_all_can_be_reached_on_a_phone(
    page: Browser, server: PageServer, width: int, height: int
) -> None:
    server.models += [model("N" * 300, last="w" * 500), model("Group " * 40, *[f"Member {n}" for n in range(30)])]
    server.reply = lambda _body: [("Maya", "<1m", "verylong" * 80), ("Maya", "<12h", "fine words " * 30)]
    page.size(width, height, phone=True)
    page.open(server.url)
    page.shows(".entry", "Maya")
    wide = (
        "document.documentElement.scrollWidth > innerWidth || document.querySelector('#list').scrollWidth > innerWidth"
    )
    assert not page.js(wide)
    page.click(".entry")
    page.shows(".starts")
    page.say("x" * 400)
    page.shows(".retry")
    page.click(".others")
    page.shows(".choice")
    assert not page.js("(one => one.scrollWidth > one.clientWidth)(document.querySelector('#scroller'))")
    assert not page.js("document.documentElement.scrollWidth > innerWidth")
    for seen in ("#text", "#send", "#options", "#disclaimer"):
        box = page.box(seen)
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
    page.click("#options")
    menu = page.box("#menu")
    assert menu["x"] >= 0
    assert menu["x"] + menu["width"] <= width
    assert menu["y"] + menu["height"] <= height


def test_list_and_chat_are_two_screens_on_a_phone_and_back_leads_to_the_list(page: Browser, server: PageServer) -> None:
    page.size(390, 844, phone=True)
    page.open(server.url)
    page.shows(".entry", "Maya")
    assert page.texts("#name") == []
    page.click("#list li:nth-child(3) .entry")
    page.shows("#name", "Priya")
    assert page.texts("#list-title") == []
    page.click("#back")
    page.shows("#list-title")
    assert page.texts("#name") == []
    assert page.focused().startswith("P")  # the conversation that was open
    page.click("#list li:nth-child(1) .entry")
    page.shows("#name", "Maya")
    page.js("history.back()")
    page.shows("#list-title")


def test_the_end_of_the_chat_stays_in_sight_when_the_keyboard_of_a_phone_opens(page: Browser) -> None:
    page.size(390, 844, phone=True)
    page.size(390, 420, phone=True)
    page.wait("(one => one.scrollHeight - one.scrollTop - one.clientHeight < 2)(document.querySelector('#scroller'))")


def test_targets_are_large_enough_to_touch(page: Browser) -> None:
    page.say("hi")
    page.shows(".retry")
    page.click("#options")
    sizes = page.js(
        "[...document.querySelectorAll('button, input, select, .check')].filter((one) => one.checkVisibility())"
        ".filter((one) => one.type !== 'checkbox').map((one) => [one.id || one.className,"
        " Math.min(one.getBoundingClientRect().width, one.getBoundingClientRect().height)])"
    )
    assert len(sizes) > 10
    assert [size for size in sizes if size[1] < 24] == []


# The keyboard


def test_everything_can_be_done_with_the_keyboard(page: Browser, server: PageServer) -> None:
    page.js("document.querySelector('#list .entry').focus()")
    page.press("ArrowDown")
    page.press("ArrowDown")
    page.press("ArrowDown")
    assert page.focused().startswith("P")
    page.press("Home")
    page.press("ArrowDown")
    page.press("Enter")
    page.wait("document.querySelector('#name').innerText === 'Climbers'")
    page.wait("document.activeElement.id === 'text'")
    page.type("hi")
    page.press("Enter")
    page.shows(".retry")
    for _ in range(12):
        page.press("Tab", 8)
        if page.focused() == "Reply again":
            break
    page.press("Enter")
    page.wait(
        "document.querySelectorAll('.now .bubble').length === 2 && document.querySelector('.retry').checkVisibility()"
    )
    assert len(server.asked) == 2
    assert page.focused() == "text"


def test_the_focus_is_always_seen_and_never_lost(page: Browser) -> None:
    page.say("hi")
    page.shows(".retry")
    met = []
    for _ in range(14):
        page.press("Tab")
        met.append(page.focused())
        style = "getComputedStyle(document.activeElement)"
        is_body = page.js("document.activeElement === document.body")
        assert is_body or page.js(f"{style}.outlineStyle !== 'none' && parseFloat({style}.outlineWidth) >= 1"), met
    assert {"options", "scroller", "text", "Reply again", "Other answers", "Undo", "More"} <= set(met)
    for button in (".retry", ".go-on", ".undo"):
        page.js(f"document.querySelector({button!r}).focus()")
        page.press("Enter")
        page.wait("document.activeElement.id === 'text'")
        page.wait("!document.querySelector('.stop').checkVisibility()")


def test_the_list_has_one_stop_for_tab_and_can_be_searched(page: Browser, server: PageServer) -> None:
    server.models += [model(f"Friend {number}") for number in range(20)]
    page.open(server.url)
    page.shows(".starts")
    assert page.js("[...document.querySelectorAll('.entry')].filter((one) => one.tabIndex === 0).length") == 1
    page.click("#filter")
    page.type("friend 1")
    assert page.js("document.querySelectorAll('#list li:not([hidden])').length") == 11
    page.press("ArrowDown")
    assert page.focused().startswith("F")
    page.js("document.querySelector('#filter').select()")
    page.click("#filter")
    page.type("zzz")
    page.shows("#nothing", "No conversation has this name.")


# Screen readers


def test_a_screen_reader_finds_landmarks_names_and_messages(page: Browser) -> None:
    page.say("hi")
    page.shows(".retry")
    tree = page.tree()
    for wanted in (
        ("main", ""),
        ("navigation", "Conversations"),
        ("note", ""),
        ("heading", "Maya"),
        ("region", "Messages"),
        ("list", "Real messages"),
        ("list", "This chat"),
        ("textbox", "Your message"),
        ("button", "Options of this chat"),
        ("button", "Reply again"),
        ("log", "New messages"),
    ):
        assert wanted in tree, wanted
    assert [pair for pair in tree if pair[0] in ("button", "textbox", "checkbox", "combobox") and not pair[1]] == []
    spoken = " ".join(name for role, name in tree if role == "StaticText")
    assert "You: hi Maya: on my way" in spoken


def test_only_finished_messages_are_announced(page: Browser, server: PageServer) -> None:
    gate = Event()
    server.reply = lambda _body: [("Maya", "<1m", "the first"), ("Maya", "<1m", "the second"), gate]
    page.say("hi")
    page.shows(".now .bubble", "the second")
    assert page.js("document.querySelector('#live').textContent") == "Maya: the first"
    gate.set()
    page.wait("document.querySelector('#live').textContent === 'Maya: the firstMaya: the second'")
    live = page.js("[...document.querySelectorAll('[aria-live], [role=log]')].map((one) => one.id)")
    assert live == ["live"]


def test_what_happened_to_an_answer_is_announced_too(page: Browser, server: PageServer) -> None:
    server.reply = lambda _body: []
    page.say("hi")
    page.shows(".status", "Nobody answers.")
    page.click(".undo")
    page.shows(".status", "Taken back.")
    said = page.js("[...document.querySelectorAll('#live p')].map((one) => one.textContent)")
    assert said == ["Nobody answers. The model gives you the turn.", "Taken back."]


def test_nothing_moves_for_those_who_want_it_still(page: Browser, server: PageServer) -> None:
    page.prefer(reduced_motion="reduce")
    gate = Event()
    server.reply = lambda _body: [gate]
    page.say("hi")
    page.wait("document.querySelector('.dots').checkVisibility()")
    assert page.js("document.getAnimations().length") == 0
    page.prefer()
    page.wait("document.getAnimations().length === 3")
    gate.set()
    page.shows(".status", "Nobody")


# Scrolling


def test_the_reader_stays_where_they_are_unless_they_are_at_the_end(page: Browser, server: PageServer) -> None:
    page.size(1100, 500)
    at_end = "(one => one.scrollHeight - one.scrollTop - one.clientHeight < 2)(document.querySelector('#scroller'))"
    first, second = Event(), Event()
    server.reply = lambda _body: [("Maya", "<1m", "long " * 200), first, ("Maya", "<1m", "more " * 200), second]
    page.say("hi")
    page.shows(".now .bubble", "long " * 199)
    assert page.js(at_end)
    page.js("document.querySelector('#scroller').scrollTop = 40")
    page.wait("document.querySelector('#scroller').scrollTop === 40")
    first.set()
    page.shows(".now .bubble", "more " * 199)
    assert page.js("document.querySelector('#scroller').scrollTop") == 40
    page.shows("#newest", "New messages")
    page.click("#newest")
    assert page.js(at_end)
    assert page.texts("#newest") == []
    second.set()
    page.shows(".retry")
    assert page.js(at_end)


def test_nothing_but_the_end_moves_while_text_streams(page: Browser, server: PageServer) -> None:
    gate = Event()
    more = {"choices": [{"delta": {"content": " and on"}}], "ventriloquist": {"event": "text"}}
    server.reply = lambda _body: [("Maya", "<1m", "it goes"), gate, more, more]
    page.say("hi")
    page.shows(".now .bubble", "it goes")
    places = "[...document.querySelectorAll('.bubble, .composer, .top')].map((one) => one.getBoundingClientRect().y)"
    before = page.js(places)
    gate.set()
    page.shows(".now .bubble", "it goes and on and on")
    page.shows(".retry")
    assert page.js(places) == before


def test_the_page_names_nobody_in_its_title_address_or_history(page: Browser, server: PageServer) -> None:
    page.click("#list li:nth-child(2) .entry")
    page.say("hi")
    page.shows(".retry")
    assert page.js("document.title") == "Ventriloquist"
    assert page.js("location.href") == server.url
    assert page.js("JSON.stringify(history.state)") in ("null", '{"chat":true}')
    assert page.js("localStorage.length + sessionStorage.length") == 0
    assert all(url.startswith((server.url, "data:")) for url in page.requested)
