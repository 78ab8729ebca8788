"""Pages in Markdown. A message is one line of the file, and renders as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote as quote_url

from ventriloquist.export.pages.shown import Book, Page, Quote, Shown, heading
from ventriloquist.safe_text import escape_markdown, escape_markdown_lines

ENDING = ".md"


def begin(shown: Book, page: Page, *, is_alone: bool = False) -> str:
    """Return a page up to its first message. One that is alone has no link to the index."""
    others = " ".join(_link(other.year, other.stem) for other in shown.pages if other.year)
    parts = [
        f"# {_heading(f'{shown.title} {page.year}')}",
        f"{_line(shown.about)}. Times are those of {_line(shown.zone.key)}.",
        " ".join(filter(None, ("" if is_alone else _link("All conversations", "index"), others))),
    ]
    return "\n\n".join(filter(None, parts)) + "\n\n"


def messages(said: Iterable[Shown], _page: Page) -> Iterator[str]:
    """Yield the Markdown of messages, with a heading for each day."""
    day = ""
    for message in said:
        if message.day != day:
            day = message.day
            yield f"## {heading(day)}\n\n"
        yield _message(message)


def end() -> str:
    """Return the end of a page."""
    return ""


def index(listed: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]) -> str:
    """Return the page that lists conversations; see `html.index`."""
    return "# Conversations\n\n" + "".join(f"- {_entry(*entry)}\n" for entry in listed)


def _entry(title: str, about: str, pages: Sequence[tuple[str, str]]) -> str:
    links = " ".join(_link(year or title, stem) for stem, year in pages)
    # bold, or a title such as `1. May` would begin a list
    name = "" if len(pages) == 1 and not pages[0][1] else f"**{_line(title)}**: "
    return f"{name}{links} – {_line(about)}"


def _message(message: Shown) -> str:
    answered = f", answering {_answered(message.answers)}" if message.answers else ""
    parts = [f"**{_line(message.subject)}**"] if message.subject.strip() else []
    parts += map(_line, message.attachments)
    if message.text:
        parts.append(escape_markdown_lines(message.text))
    about = [*message.notes, *(f"{_line(sign)} {_line(name)}" for sign, name in message.reactions)]
    rest = f"<br>({', '.join(about)})" if about else ""
    return f"**{_line(message.name)}** {message.time}{answered}: {'<br>'.join(parts)}{rest}\n\n"


def _answered(answered: Quote) -> str:
    return f"{_line(answered.name)} “{_line(answered.text)}”"


def _link(text: str, stem: str) -> str:
    return f"[{_line(text)}]({quote_url(stem + ENDING)})"


def _heading(text: str) -> str:
    line = _line(text)
    return f"{line[:-1]}\\#" if line.endswith("#") else line  # number signs at its end would not be shown


def _line(text: str) -> str:
    return escape_markdown(text).strip()
