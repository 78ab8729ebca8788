"""The report's charts of single metrics."""

from __future__ import annotations

from collections.abc import Mapping

from ventriloquist.evaluate.learning_curve import LearningCurve
from ventriloquist.evaluate.metric import Result
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.report.charts import bars, calibration, deviations, over_messages
from ventriloquist.evaluate.report.markup import figure, label, table, text
from ventriloquist.evaluate.words import LEARNT, about_names, learnt, more_messages

COLOURS = ("var(--accent)", "var(--real)")


def charts(metrics: Mapping[str, Result]) -> str:
    """Draw the distributions of deltas, lengths, and messages in a row."""
    parts = []
    if "timing" in metrics:
        detail = metrics["timing"].detail
        parts.append(figure(calibration(detail["calibration"]), "Time deltas: observed share over forecast"))
        groups = {delta: (share, detail["observed"][delta]) for delta, share in detail["forecast"].items()}
        parts.append(figure(bars(groups, COLOURS), "Time deltas: forecast, and real (green)"))
    if "lengths" in metrics:
        detail = metrics["lengths"].detail
        names = [f"<{edge}" for edge in detail["edges"]] + [f"{detail['edges'][-1]}+"]
        groups = dict(zip(names, zip(detail["generated"], detail["real"], strict=True), strict=True))
        parts.append(figure(bars(groups, COLOURS), "Characters in a message: generated, and real (green)"))
    if "bursts" in metrics:
        rows = metrics["bursts"].detail["by_run"]
        groups = {f"after {row['run']} (n = {row['n']})": (row["generated"], row["real"]) for row in rows}
        parts.append(
            figure(bars(groups, COLOURS), "Another message after so many in a row: generated, and real (green)")
        )
    return f'<div class="charts">{"".join(parts)}</div>'


def confusion(metrics: Mapping[str, Result]) -> str:
    """Draw the confusion matrix: who is taken for whom."""
    if "identity" not in metrics:
        return ""
    detail = metrics["identity"].detail
    names = detail["candidates"]
    head = "".join(f"<th class=number>{text(name)}</th>" for name in names)
    rows = []
    for writer in names:
        counts = detail["confusion"].get(writer, {})
        total = max(1, sum(counts.values()))
        cells = "".join(
            f'<td class="number"{label(name)} style="background:color-mix(in srgb, var(--accent)'
            f' {80 * counts.get(name, 0) / total:.0f}%, transparent)">{counts.get(name, 0)}</td>'
            for name in names
        )
        rows.append(f"<tr><th>{text(writer)}</th>{cells}</tr>")
    return (
        "<h3>Who wrote it?</h3><p class=note>Rows: the writer. Columns: the most likely name, says the model.</p>"
        f'<div class="wide"><table><tr class="head"><th></th>{head}</tr>{"".join(rows)}</table></div>'
    )


def names(metrics: Mapping[str, Result]) -> str:
    """Say how bits about the name are spread."""
    said = [(METRICS[name].title, about_names(result)) for name, result in metrics.items()]
    return "".join(f"<p class=note>{text(title)}: {text(spread)}</p>" for title, spread in said if spread)


def enough(curve: LearningCurve | None) -> str:
    """Draw bits about the name over the messages of each person, with what more of them would bring."""
    if curve is None:
        return ""
    parts = ["<h2 id=enough>How much is enough?</h2>", f"<p class=note>{text(more_messages(curve))}</p>"]
    if curve.people:
        points = [(name, one.messages, one.bits, one.low, one.high) for name, one in curve.people.items()]
        fitted = None if curve.one_message is None or curve.gain is None else (curve.one_message, curve.gain)
        caption = "Bits about the name from one message, with 95 % for these conversations"
        parts.append(figure(over_messages(points, fitted), f"{caption}; green: the curve" if fitted else caption))
        parts.append(table(LEARNT, learnt(curve)))
    return "".join(parts)


def habits(person: str, metrics: Mapping[str, Result]) -> str:
    """Draw a person's habits: the deviation of generated messages, and the band of real ones."""
    rows = metrics["fingerprint"].detail.get(person) if "fingerprint" in metrics else None
    if not rows:
        return ""
    drawn = [(row["habit"], row["log_odds"], row["band"]) for row in rows]
    return figure(deviations(drawn), "Habits, in log-odds; grey: where real messages would be")
