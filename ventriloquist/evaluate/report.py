"""The evaluation as one HTML file: no script, nothing fetched, everything escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from ventriloquist.evaluate import Evaluation
from ventriloquist.evaluate.identity import Identity
from ventriloquist.evaluate.likelihood import Likelihood
from ventriloquist.evaluate.validity import Validity

STYLE = """
:root { color-scheme: light dark; --soft: color-mix(in srgb, currentColor 12%, transparent); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 2rem; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--soft); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.bar { background: var(--soft); height: .5rem; } .bar div { background: currentColor; height: 100%; }
p.note { opacity: .75; }
"""


def write_report(evaluation: Evaluation, path: Path) -> None:
    """Write the report, readable by its owner only."""
    path.touch(mode=0o600)
    path.write_text(render(evaluation), encoding="utf-8")


def render(evaluation: Evaluation) -> str:
    """Return the report as HTML."""
    parts = [
        f"<h1>Does it sound like them?</h1><p>Adapter {_text(evaluation.run)} on {_text(evaluation.model)}, measured on"
        f" {evaluation.held_out:,} held-out messages.</p>",
    ]
    if evaluation.changed_data:
        parts.append("<p class=note>The prepared data has changed since this adapter was trained.</p>")
    parts.append("<h2>Valid lines</h2><p class=note>Written freely, without a grammar.</p>")
    pairs = (("base", evaluation.validity_base), ("adapter", evaluation.validity))
    parts.append(_table(("", "lines", "valid", "95 %"), [_validity(name, part) for name, part in pairs]))
    parts.append("<h2>Bits per character</h2><p class=note>Of what people really wrote. Less is better.</p>")
    rows = [
        _likelihood(name, part)
        for name, part in (("final two windows", evaluation.final_windows), ("test split", evaluation.test))
        if part
    ]
    parts.append(_table(("", "messages", "base", "adapter", "less by", "95 %"), rows))
    parts.append(
        _table(
            ("person", "messages", "base", "adapter"),
            [(name, n, f"{base:.3f}", f"{adapter:.3f}") for name, (n, base, adapter) in evaluation.people.items()],
        )
    )
    if evaluation.identity:
        parts.append(_identity(evaluation.identity))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Ventriloquist evaluation</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _identity(identity: Identity) -> str:
    names = identity.candidates
    shares = {"this adapter": identity.at_1, "n-gram classifier": identity.ngram_at_1, "chance": identity.chance}
    bars = "".join(f"<p>{_text(name)} {share:.0%}</p>{_bar(share)}" for name, share in shares.items())
    confusion = [(writer, *(identity.confusion[writer].get(name, 0) for name in names)) for writer in names]
    return (
        "<h2>Who wrote it?</h2><p class=note>How often a message is likeliest under the name of the person who"
        f" wrote it, among {len(names)} names, from that one message alone.</p>{bars}"
        f"<p class=note>{identity.messages} messages, 95 % {identity.low:.0%} – {identity.high:.0%}.</p>"
        + _table(("wrote ↓ likeliest →", *names), confusion)
    )


def _validity(name: str, part: Validity) -> Sequence[object]:
    return name, part.lines, f"{part.share:.0%}", f"{part.low:.0%} – {part.high:.0%}"


def _likelihood(name: str, part: Likelihood) -> Sequence[object]:
    interval = f"{part.reduction_low:.1%} – {part.reduction_high:.1%}"
    return name, part.messages, f"{part.base:.3f}", f"{part.adapter:.3f}", f"{part.reduction:.1%}", interval


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{_text(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _cells(row: Sequence[object]) -> str:
    first, *numbers = row
    return f"<td>{_text(first)}</td>" + "".join(f'<td class="number">{_text(number)}</td>' for number in numbers)


def _bar(share: float) -> str:
    return f'<div class="bar"><div style="width:{share:.1%}"></div></div>'


def _text(value: object) -> str:
    return html.escape(f"{value:,}" if isinstance(value, int) else str(value))
