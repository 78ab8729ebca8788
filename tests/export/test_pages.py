"""Conversations as pages: their words, their files, and that nothing in a message becomes markup."""

from __future__ import annotations

import hashlib
import json
import stat
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from exported import export
from file_builder import DAY, NOON, Conversation, Message, Reaction, chat, filled
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from stages import prepare

from ventriloquist import forget
from ventriloquist.errors import NotReadyError, StorageError, UnknownNameError
from ventriloquist.export import ExportOptions, pages
from ventriloquist.export.pages import PageFormat, PagesOptions, PagesSummary, html, markdown, shown
from ventriloquist.export.pages.shown import Page, Quote, Shown
from ventriloquist.fs import put_in_place
from ventriloquist.safe_text import harmless
from ventriloquist.store import Connection, open_database, recorded_run

OWNER = "Aidan Allchin"
YEAR = 366 * DAY
FORMATS: tuple[PageFormat, ...] = ("html", "markdown")


class Reader(HTMLParser):
    """Reads a page: the text of each message by its class, links, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        self.tags.add(tag)
        if tag in ("meta", "br"):
            return
        kind = (about.get("class") or "").split(" ")[-1] or tag
        self._open.append(kind)
        self.texts.setdefault(kind, []).append("")
        self.links += [about["href"]] if about.get("href") else []
        self.ids += [about["id"]] if about.get("id") else []

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for kind in set(self._open):
            self.texts[kind][-1] += data


def write(db: Connection, folder: Path, format: PageFormat = "html", **chosen: Any) -> PagesSummary:
    return pages.run(db, pages.plan(db, folder, PagesOptions(format, **chosen), timezone="UTC"))


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def talk() -> Conversation:
    said = [
        Message("Sam", "See you at the café", guid="g1"),
        Message(OWNER, "I'll be there!\n\n  <b>snacks</b> & *x*", reply_to="g1", guid="g2"),
        Message("Kim", None, attachments=[("image/heic", "a.heic", None), (None, "<menu>.pdf", None)], guid="g3"),
        Message("Kim", "and this", reply_to="g3", flags="failed"),
        Message(None, "who?", NOON + DAY),
    ]
    reactions = [Reaction("Kim", "g1"), Reaction("Sam", "g2", "emoji", "🔥"), Reaction("Sam", "g3", "sticker")]
    return Conversation(said, type="group", title="trip", reactions=reactions)


def test_an_html_page_says_who_said_what_when_with_replies_reactions_and_attachments(home: Path) -> None:
    with filled(home, [talk()]) as db:
        db.execute("UPDATE text_messages SET edited = 1, subject = 'Plans' WHERE guid = 'g2'")
        write(db, home / "exports")
    page = Reader((home / "exports" / "1-trip.html").read_text())
    assert page.texts["h2"] == ["Friday, 15 March 2024", "Saturday, 16 March 2024"]
    assert page.texts["who"] == ["Sam", OWNER, "Kim", "Unknown"]
    assert page.texts["text"] == ["See you at the café", "I'll be there!\n\n  <b>snacks</b> & *x*", "and this", "who?"]
    assert page.texts["subject"] == ["Plans"]
    assert page.texts["file"] == ["[photo]", "[file: <menu>.pdf]"]
    assert page.texts["answers"] == ["Sam See you at the café", "Kim [photo] [file: <menu>.pdf]"]
    assert page.texts["reactions"] == ["❤️ Kim", "🔥 Sam", "[sticker] Sam"]
    assert page.texts["time"] == ["12:01", "12:02 · edited", "12:03", "12:04 · not delivered", "12:00"]
    assert page.links == ["index.html", "#m1", "#m3"]
    assert page.ids == ["day-2024-03-15", "m1", "m2", "m3", "m4", "day-2024-03-16", "m5"]


def test_a_page_runs_nothing_and_fetches_nothing(home: Path) -> None:
    with filled(home, [talk()]) as db:
        write(db, home / "exports")
    for path in (home / "exports").glob("*.html"):
        text = path.read_text()
        page = Reader(text)
        assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base"})
        assert "default-src 'none'" in text
        assert all(link.startswith("#") or (path.parent / link.partition("#")[0]).is_file() for link in page.links)


def rendered(text: str) -> list[str]:
    """Return the paragraphs of Markdown as a reader sees them, line by line."""
    page = Reader(MarkdownIt().render(text).replace("<br>", "\n").replace("<br />", "\n"))
    return page.texts.get("p", [])


def test_a_markdown_page_says_the_same(home: Path) -> None:
    with filled(home, [talk()]) as db:
        write(db, home / "exports", "markdown")
    text = (home / "exports" / "1-trip.md").read_text()
    assert text.startswith("# trip\n\nGroup in Messages: Aidan Allchin, Kim, Sam. Times are those of UTC.\n\n")
    assert "## Friday, 15 March 2024\n\n**Sam** 12:01: See you at the café<br>(❤️ Kim)\n\n" in text
    assert "**Kim** 12:04, answering Kim “\\[photo\\]" in text


LINE = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.sampled_from(
    [
        "# a",
        "- b",
        "1. c",
        "> d",
        "    e",
        "---",
        "===",
        "[f](g)",
        "![h](i)",
        "<script>j</script>",
        "&amp;",
        "`k`",
        "```",
    ]
)
TEXT = st.lists(LINE, min_size=1, max_size=4).map("\n".join)


def message(text: str, *, name: str = "Sam", answers: Quote | None = None) -> Shown:
    return Shown(7, name, False, "2024-03-15", "12:01", "2024-03-15T12:01:00", "", text, (), answers, (), ())


def lines(text: str) -> list[str]:
    for end in ("\r\n", "\r", "\u2028", "\u2029"):
        text = text.replace(end, "\n")
    return harmless(text).split("\n")


@given(TEXT, TEXT)
@example("</p><script>alert(1)</script>", '"><img src=x onerror=alert(1)>')
def test_the_text_of_an_html_message_is_the_message(text: str, name: str) -> None:
    answered = message(text, name=name, answers=Quote(name, text, 3, None))
    page = Reader("".join(html.messages([answered], Page("1", ""))))
    assert page.tags <= {"h2", "article", "p", "bdi", "div", "span", "b", "time"}
    assert "".join(page.texts.get("text", [])).split("\n") == lines(text)


@given(TEXT, TEXT)
@example("    # code?", "*")
@example("a\\", "b_")
def test_a_markdown_message_renders_as_it_was_written(text: str, name: str) -> None:
    said = "".join(markdown.messages([message(text, name=name)], Page("1", "")))
    heading, *paragraphs = MarkdownIt().render(said).split("\n", 1)
    assert heading == "<h2>Friday, 15 March 2024</h2>"
    page = Reader("".join(paragraphs).replace("<br>", "\n"))
    assert page.tags <= {"p", "strong"}
    (shown_text,) = page.texts["p"]
    _, _, content = shown_text.partition(" 12:01: ")
    if " 12:01: " not in name:
        assert [line.split() for line in content.rstrip("\n").split("\n")] == [
            line.split() for line in "\n".join(lines(text)).rstrip("\n").split("\n")
        ]


@pytest.mark.parametrize("title", ["# a", "- b", "+ c", "1. d", "2) e", "f #", "#", "g ##", "*", "h\\"])
def test_a_title_is_only_text_in_the_index_and_above_a_markdown_page(home: Path, title: str) -> None:
    years = markdown.index([(title, "One-to-one", [("1-2023", "2023"), ("1-2024", "2024")])])
    page = Reader(MarkdownIt().render(years))
    assert page.texts["li"] == [f"{title}: 2023 2024 – One-to-one"]
    assert page.tags <= {"h1", "ul", "li", "strong", "a"}
    with filled(home, [Conversation([Message("Sam", "hi")], type="group", title=title)]) as db:
        (file,) = write(db, home / "exports", "markdown").files
    assert Reader(MarkdownIt().render((home / "exports" / file.name).read_text())).texts["h1"] == [title]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "1-etc-passwd"),
        ("..", "1"),
        ('a/b\\c:d*e?f"g<h>i|j\n\x00k', "1-a-b-c-d-e-f-g-h-i-j-k"),
        ("Zoë & Ünal ❤️", "1-zoë-ünal"),
        ("東京旅行", "1-東京旅行"),
        ("x" * 500, "1-" + "x" * 40),
        ("東" * 500, "1-" + "東" * 26),
        ("CON", "1-con"),
        ("__init__", "1-init"),
    ],
)
def test_a_title_becomes_a_file_name_that_is_safe_anywhere(home: Path, title: str, name: str) -> None:
    with filled(home, [Conversation([Message("Sam", "hi")], type="group", title=title)]) as db:
        write(db, home / "exports")
    assert files(home / "exports") == {f"{name}.html", "index.html", "manifest.json"}


def test_the_manifest_lists_every_file_and_only_the_user_can_read_them(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with filled(home, [chat("hi"), talk()]) as db:
        write(db, folder)
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert {file["name"] for file in listed} == files(folder) - {"manifest.json"}
    for file in listed:
        data = (folder / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_index_lists_conversations_with_the_newest_first(home: Path) -> None:
    old = chat("hi", other="Kim")
    new = Conversation([Message("Sam", "yo", NOON + DAY)])
    with filled(home, [old, new]) as db:
        write(db, home / "exports")
    page = Reader((home / "exports" / "index.html").read_text())
    assert page.texts["a"] == ["Sam", "Kim"]
    assert page.texts["span"][0] == "One-to-one in Messages; 1 message, 2024-03-16"


def test_person_and_conversation_choose_and_earlier_pages_stay_in_the_index(home: Path) -> None:
    with filled(home, [chat("hi"), chat("hi", other="Kim"), talk()]) as db:
        write(db, home / "exports", conversation="Sam")
        assert files(home / "exports") == {"1-sam.html", "index.html", "manifest.json"}
        assert write(db, home / "exports", person="kim").conversations == 2
        page = Reader((home / "exports" / "index.html").read_text())
        assert set(page.texts["a"]) == {"Sam", "Kim", "trip"}
        with pytest.raises(UnknownNameError):
            write(db, home / "exports", person="Samm")
        with pytest.raises(NotReadyError, match="No conversation is left"):
            write(db, home / "exports", person="Kim", conversation="Sam")


def test_an_export_of_everything_removes_pages_of_what_is_gone_and_leaves_other_exports(home: Path) -> None:
    with filled(home, [chat(*(f"line {number}" for number in range(30))), talk()]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions())
        write(db, home / "exports")
        write(db, home / "exports", "markdown")
        db.execute("UPDATE conversations SET title = 'journey' WHERE id = 2")
        write(db, home / "exports")
        export(db, home / "exports", ExportOptions())
    assert files(home / "exports") == {
        *("1-sam.html", "2-journey.html", "index.html", "1-sam.md", "2-trip.md", "index.md"),
        *("train.jsonl", "validation.jsonl", "test.jsonl", "manifest.json"),
    }
    listed = json.loads((home / "exports" / "manifest.json").read_text())["files"]
    assert {file["name"] for file in listed} == files(home / "exports") - {"manifest.json"}


def test_a_long_conversation_has_a_page_for_each_year_with_links_across(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "PAGE_MESSAGES", 3)
    said = [
        Message("Sam", f"in year {number // 2}", NOON + number // 2 * YEAR + number, guid=f"{number}")
        for number in range(6)
    ]
    said.append(Message("Sam", "an answer", NOON + 3 * YEAR, reply_to="0"))
    with filled(home, [Conversation(said)]) as db:
        summary = write(db, home / "exports")
        streamed = pages.plan(db, None, PagesOptions("html"), timezone="UTC")
        with (home / "stream.html").open("wb") as out:
            assert pages.stream(db, streamed, out) == 7
    assert [(file.name, file.messages) for file in summary.files] == [
        ("1-sam-2024.html", 2), ("1-sam-2025.html", 2), ("1-sam-2026.html", 2), ("1-sam-2027.html", 1),
    ]  # fmt: skip
    last = Reader((home / "exports" / "1-sam-2027.html").read_text())
    assert last.links == [
        *("index.html", "1-sam-2024.html", "1-sam-2025.html", "1-sam-2026.html", "1-sam-2027.html"),
        "1-sam-2024.html#m1",
    ]
    assert "m1" in Reader((home / "exports" / "1-sam-2024.html").read_text()).ids
    whole = Reader((home / "stream.html").read_text())
    assert whole.links == ["#m1"]
    assert len(whole.texts["text"]) == 7


@pytest.mark.parametrize("name", ["index", "1-sam"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_page_of_somebody_else_is_not_overwritten(home: Path, tmp_path: Path, format: PageFormat, name: str) -> None:
    mine = tmp_path / f"{name}.{'md' if format == 'markdown' else 'html'}"
    mine.write_text("my home page")
    with filled(home, [chat("hi")]) as db, pytest.raises(StorageError, match="another program's"):
        write(db, tmp_path, format)
    assert mine.read_text() == "my home page"


def test_an_export_that_is_cut_off_among_its_files_can_be_repeated(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "exports"

    def cut_off(*paths: Path) -> None:
        put_in_place(*paths[:2])
        raise KeyboardInterrupt

    with filled(home, [chat("hi"), talk()]) as db:
        with monkeypatch.context() as patched:
            patched.setattr("ventriloquist.export.pages.stage.put_in_place", cut_off)
            with pytest.raises(KeyboardInterrupt):
                write(db, folder)
        assert len([*folder.glob("*.html")]) == 1
        write(db, folder)
    assert len([*folder.glob("*.html")]) == 3


def test_times_of_any_year_have_a_page(home: Path) -> None:
    far = [Message("Sam", "early", -62_000_000_000_000), Message("Sam", "late", 250_000_000_000_000_000)]
    with filled(home, [Conversation(far)]) as db:
        write(db, home / "exports")
        write(db, home / "exports", "markdown")
    assert Reader((home / "exports" / "1-sam.html").read_text()).texts["text"] == ["early", "late"]


def test_forgetting_removes_pages_in_the_home_and_names_those_elsewhere(home: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "out"
    with filled(home, [chat("zanzibarquux", "zanzibarquux", other="Sam Okafor"), talk()]):
        pass
    for folder in (home / "exports", home / "mine", elsewhere):
        with recorded_run(home, "export", {"format": "html", "folder": str(folder)}) as run:
            run.result = {"folder": str(folder)}
            write(run.db, folder)
    (home / "exports" / ".9-zanzibarquux.html.partial").write_text("zanzibarquux")
    with open_database(home) as db:
        plan = forget.plan(db, home, "Sam Okafor")
        forget.run(db, home, plan)
    assert plan.artifacts.elsewhere == (str(elsewhere),)
    left = b"".join(str(path).encode() + (path.read_bytes() if path.is_file() else b"") for path in home.rglob("*"))
    for trace in (b"zanzibarquux", b"sam-okafor", b"Sam Okafor"):
        assert trace not in left
