"""The report of an evaluation."""

from __future__ import annotations

import html
import html.parser
from dataclasses import replace
from pathlib import Path

from trained_run import (
    EVIL,
    HOSTILE,
)

from ventriloquist.evaluate import METRICS, Evaluation
from ventriloquist.evaluate.examples import read_examples
from ventriloquist.evaluate.report import render, write_report
from ventriloquist.evaluate.words import headline
from ventriloquist.model.manifest import read_manifest
from ventriloquist.store import Connection
from ventriloquist.store.corpus import data_hash


class Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_report_of_a_hostile_history_is_harmless(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation, tmp_path: Path
) -> None:
    db, _, run = trained
    examples = read_examples(run, data_hash(db))
    assert examples
    whole = replace(examples[0], real=EVIL, adapter="x" * 10_000_000, base=None, before=[(HOSTILE, EVIL)])
    path = tmp_path / "report.html"
    write_report(evaluation, path, manifest=read_manifest(run), examples=[*examples, whole])
    page = path.read_text(encoding="utf-8")
    assert page == render(evaluation, manifest=read_manifest(run), examples=[*examples, whole])
    tags = Tags()
    tags.feed(page)
    assert not tags.seen & {"script", "img", "b" * 2, "iframe", "object", "link", "form", "base"}
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert all(address.startswith("#") for address in tags.addresses)
    assert "default-src 'none'" in page
    assert "&lt;script&gt;" in page
    assert page.count("</style>") == 1
    assert not {"\x1b", "\x07", "\u202e"} & set(page)
    assert len(page) < 2_000_000
    assert path.stat().st_mode & 0o077 == 0


def test_the_report_begins_with_a_sentence_and_with_what_was_really_written(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation
) -> None:
    db, _, run = trained
    examples = read_examples(run, data_hash(db))
    page = render(evaluation, examples=examples)
    assert html.escape(headline(evaluation)) in page
    order = ["<p class=headline>", "id=examples", "id=final", "id=suite", "id=people"]
    assert [page.index(part) for part in order] == sorted(page.index(part) for part in order)
    assert page.count('<div class="window">') == min(len(examples), 24)
    for name in evaluation.metrics:
        assert f"<h3>{html.escape(METRICS[name].question)}</h3>" in page
    assert METRICS["identity"].question == "Who wrote this?"
    assert len({metric.question for metric in METRICS.values()}) == len(METRICS)
    assert all(metric.question.endswith("?") for metric in METRICS.values())


def test_a_report_without_text_has_none(
    trained: tuple[Connection, Path, Path], evaluation: Evaluation, tmp_path: Path
) -> None:
    db, _, run = trained
    page = render(evaluation, manifest=read_manifest(run))
    example = replace(read_examples(run, data_hash(db))[0], real=EVIL)
    assert "onerror" not in page
    assert "onerror" in render(evaluation, manifest=read_manifest(run), examples=[example])
