"""Building blocks of the page. Every text goes through `text`, so that no message can add markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ventriloquist.safe_text import escape_html, html_head

MAX_CHARACTERS = 280  # of a message that is shown

STYLE = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #667085; --line: #e3e6ec; --page: #fff; --card: #f7f8fa;
  --accent: #3457d5; --real: #178a5b; --floor: #98a2b3; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaf0; --soft: #98a2b3; --line: #343a46; --page: #14171d;
  --card: #1d2129; --accent: #8ea6ff; --real: #58c99a; --floor: #667085; --bad: #ff8f84; } }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 66rem;
  margin: 2.5rem auto; padding: 0 1.25rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .25rem; } h2 { margin: 2.75rem 0 .25rem; font-size: 1.3rem; }
h3 { margin: 1.75rem 0 .25rem; font-size: 1.05rem; overflow-wrap: anywhere; }
p.note, figcaption { color: var(--soft); margin: .15rem 0 .9rem; font-size: .92rem; }
p.headline { font-size: 1.2rem; line-height: 1.45; margin: .5rem 0 .75rem; }
nav { display: flex; flex-wrap: wrap; gap: .25rem .9rem; } a { color: var(--accent); overflow-wrap: anywhere; }
summary { cursor: pointer; color: var(--accent); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: .9rem; margin: 1rem 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1rem; }
.card h3 { margin: 0; font-size: .95rem; font-weight: 600; color: var(--soft); }
.big { font-size: 1.9rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.verdict { font-weight: 600; } .bad { color: var(--bad); } .muted { color: var(--soft); font-weight: 400; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; padding: .35rem .3rem; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
th, td:first-child { max-width: 15rem; overflow-wrap: break-word; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; break-inside: avoid; } svg { display: block; max-width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(19rem, 1fr)); gap: 1.2rem; }
.window { border: 1px solid var(--line); border-radius: .6rem; padding: .7rem 1rem; margin: .8rem 0;
  break-inside: avoid; overflow-wrap: anywhere; }
.window .said { color: var(--soft); font-size: .9rem; } .said b { font-weight: 600; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: .7rem; margin-top: .5rem; }
.answers div { border-left: 3px solid var(--line); padding-left: .6rem; overflow-wrap: anywhere; }
.answers .real { border-color: var(--real); } .answers .adapter { border-color: var(--accent); }
.answers small { display: block; color: var(--soft); }
pre { font-size: .82rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 40rem) { .wide tr, .wide td, .wide th { display: block; max-width: none; }
  .wide tr.head { display: none; } .wide tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  .wide td, .wide th { border: 0; padding: .1rem .3rem; overflow-wrap: anywhere; }
  .wide tr > :first-child { color: var(--ink); font-weight: 600; }
  .wide td[data-label] { display: flex; justify-content: space-between; gap: 1rem; text-align: right; }
  .wide td[data-label]::before { content: attr(data-label); color: var(--soft); text-align: left; }
  .wide td[data-label]:empty { display: none; } }
@media print { body { max-width: none; margin: 0; } nav { display: none; } h2 { break-after: avoid; } }
"""


def text(value: object) -> str:
    """Escape a text: no tags, no control characters, and none that reorder the text beside it."""
    shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
    return escape_html(shown)


def isolated(value: str) -> str:
    """Escape a name or a message, and isolate its writing direction from the text beside it."""
    return f'<bdi dir="auto">{text(value)}</bdi>'


def message(content: str) -> str:
    """Escape a message, and cut it if it is long."""
    cut = content if len(content) <= MAX_CHARACTERS else content[:MAX_CHARACTERS] + "…"
    return isolated(cut)


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, figures: bool = True) -> str:
    """Return a table. Columns after the first are right-aligned figures, or text."""
    others = ' class="number"' if figures else ""
    head = "".join(f"<th{others if column else ''}>{text(cell)}</th>" for column, cell in enumerate(header))
    body = "".join(
        f"<tr><td>{text(first)}</td>"
        + "".join(f"<td{others}{label(name)}>{text(cell)}</td>" for name, cell in zip(header[1:], cells, strict=True))
        + "</tr>"
        for first, *cells in rows
    )
    return f'<div class="wide"><table><tr class="head">{head}</tr>{body}</table></div>'


def label(name: str) -> str:
    """Return the attribute that names a cell on a narrow screen."""
    return f' data-label="{text(name)}"' if name else ""


def figure(chart: str, caption: str) -> str:
    return f"<figure>{chart}<figcaption>{text(caption)}</figcaption></figure>"


def page(title: str, body: str) -> str:
    """Return the whole document."""
    return f"{html_head(title, STYLE)}<body>{body}</body></html>\n"
