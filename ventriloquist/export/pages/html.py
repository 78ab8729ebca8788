"""Pages in HTML: light and dark, on screens and paper, with no script and nothing to fetch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote as quote_url

from ventriloquist.export.pages.shown import Book, Page, Quote, Shown, heading
from ventriloquist.safe_text import escape_html, escape_html_lines, html_head

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #5d6778; --line: #e3e6ec; --page: #fff; --them: #eef0f4;
  --me: #dbe6ff; --accent: #3457d5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaf0; --soft: #98a2b3; --line: #343a46; --page: #14171d;
  --them: #23272f; --me: #24345c; --accent: #8ea6ff; } }
* { box-sizing: border-box; }
body { font: 16px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 44rem;
  margin: 0 auto; padding: 1.5rem 1rem 4rem; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: .25rem 0; }
h2 { position: sticky; top: 0; margin: 1.5rem 0 .75rem; padding: .35rem 0; font-size: .85rem; font-weight: 600;
  text-align: center; color: var(--soft); background: var(--page); }
header p { color: var(--soft); margin: .2rem 0; } a { color: var(--accent); }
nav { display: flex; flex-wrap: wrap; gap: .25rem .9rem; margin: .5rem 0; }
article { margin: .2rem 0; display: flex; flex-direction: column; align-items: flex-start; scroll-margin-top: 3rem; }
article.me { align-items: flex-end; }
article p { margin: 0; } .who { font-size: .8rem; color: var(--soft); margin: .5rem .75rem .1rem; }
.said { max-width: 85%; padding: .45rem .75rem; border-radius: 1rem; background: var(--them); }
.me .said { background: var(--me); } .text { white-space: pre-wrap; } .subject { font-weight: 650; }
.file { color: var(--soft); }
article:target .said { outline: 2px solid var(--accent); }
.answers { display: block; border-left: 3px solid var(--accent); padding-left: .5rem; margin-bottom: .25rem;
  font-size: .87rem; color: var(--soft); text-decoration: none; }
.about { font-size: .75rem; color: var(--soft); margin: .05rem .75rem; } .reactions { font-size: .85rem; }
ul { list-style: none; padding: 0; } li { margin: .6rem 0; } li span { color: var(--soft); }
@media print { body { max-width: none; padding: 0; font-size: 11pt; } nav { display: none; } h2 { position: static; }
  article { break-inside: avoid; } h2 { break-after: avoid; } .said { border: 1px solid var(--line); } }
"""

ENDING = ".html"


def begin(shown: Book, page: Page, *, is_alone: bool = False) -> str:
    """Return a page up to its first message. One that is alone has no link to the index."""
    title = f"{shown.title} {page.year}".strip()
    others = "".join(
        f'<a href="{_file(other.stem)}"{" aria-current=page" if other == page else ""}>{escape_html(other.year)}</a>'
        for other in shown.pages
        if other.year
    )
    return (
        f"{html_head(title, STYLE)}<body><header>"
        + ("" if is_alone else '<nav><a href="index.html">All conversations</a></nav>')
        + f"<h1>{_isolated(title)}</h1><p>{_isolated(shown.about)}</p>"
        f"<p>Times are those of {escape_html(shown.zone.key)}.</p>{f'<nav>{others}</nav>' if others else ''}"
        "</header><main>\n"
    )


def messages(said: Iterable[Shown], page: Page) -> Iterator[str]:
    """Yield the HTML of messages, with a heading for each day."""
    day = name = ""
    for message in said:
        if message.day != day:
            day, name = message.day, ""
            yield f'<h2 id="day-{day}">{heading(day)}</h2>\n'
        yield _message(message, page, with_name=message.name != name)
        name = message.name


def end() -> str:
    """Return the end of a page."""
    return "</main></body></html>\n"


def index(listed: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]) -> str:
    """Return the page that lists conversations: the title of each, what is to say about it, and its pages.

    A page is the stem of its file and a year; the year is empty if all are in it.
    """
    rows = "".join(f"<li>{_entry(*entry)}</li>\n" for entry in listed)
    title = "Conversations"
    return f"{html_head(title, STYLE)}<body><header><h1>{title}</h1></header><main><ul>\n{rows}</ul>{end()}"


def _entry(title: str, about: str, pages: Sequence[tuple[str, str]]) -> str:
    if len(pages) == 1 and not pages[0][1]:
        return f'<a href="{_file(pages[0][0])}">{_isolated(title)}</a><br><span>{_isolated(about)}</span>'
    years = " ".join(f'<a href="{_file(stem)}">{escape_html(year)}</a>' for stem, year in pages)
    return f"{_isolated(title)}<br>{years}<br><span>{_isolated(about)}</span>"


def _message(message: Shown, page: Page, *, with_name: bool) -> str:
    parts = [_answers(message.answers, page)] if message.answers else []
    if message.subject:
        parts.append(f'<p class="subject" dir="auto">{escape_html(message.subject)}</p>')
    parts += [f'<p class="file" dir="auto">{escape_html(file)}</p>' for file in message.attachments]
    if message.text:
        parts.append(f'<p class="text" dir="auto">{escape_html_lines(message.text)}</p>')
    who = f'<p class="who">{_isolated(message.name)}</p>' if with_name else ""
    reactions = "".join(f"<span>{_isolated(sign)} {_isolated(name)}</span> " for sign, name in message.reactions)
    about = " · ".join((message.time, *message.notes))
    return (
        f'<article id="m{message.id}"{" class=me" if message.is_me else ""}>{who}'
        f'<div class="said">{"".join(parts)}</div>'
        + (f'<p class="about reactions">{reactions.rstrip()}</p>' if reactions else "")
        + f'<p class="about"><time datetime="{message.moment}">{about}</time></p></article>\n'
    )


def _answers(answered: Quote, page: Page) -> str:
    said = f"<b>{_isolated(answered.name)}</b> {_isolated(answered.text)}"
    if answered.page is None:
        return f'<span class="answers">{said}</span>'
    place = "" if answered.page == page.stem else _file(answered.page)
    return f'<a class="answers" href="{place}#m{answered.id}">{said}</a>'


def _file(stem: str) -> str:
    return escape_html(quote_url(f"{stem}{ENDING}"))


def _isolated(text: str) -> str:
    """Escape a text, and isolate its writing direction from the text beside it."""
    return f'<bdi dir="auto">{escape_html(text)}</bdi>'
