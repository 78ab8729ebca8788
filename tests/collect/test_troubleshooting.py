"""The page of troubles has a heading for every error of reading messages and of our own file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import ventriloquist

PACKAGE = Path(ventriloquist.__file__).parent
PAGE = PACKAGE.parent / "docs" / "troubleshooting.md"
FOLDERS = ("collect", "store", "sources")


def test_every_error_of_collect_has_its_heading() -> None:
    lines = PAGE.read_text("utf-8").splitlines()
    headings = " / ".join(line for line in lines if line.startswith("## "))
    errors = set(said_by_errors()) - {""}  # without a fixed part
    assert len(errors) > 25
    assert {error for error in errors if error not in headings} == set()


def said_by_errors() -> Iterator[str]:
    """Yield the longest fixed part of what each error says."""
    for folder in FOLDERS:
        for path in (PACKAGE / folder).rglob("*.py"):
            calls = (node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
            for call in calls:
                name = call.func.id if isinstance(call.func, ast.Name) else ""
                if name.endswith("Error") and call.args and any(keyword.arg == "hint" for keyword in call.keywords):
                    yield longest(call.args[0])


def longest(what: ast.expr) -> str:
    pieces = what.values if isinstance(what, ast.JoinedStr) else [what]
    texts = [str(piece.value) for piece in pieces if isinstance(piece, ast.Constant)]
    first_sentences = [text.partition(". ")[0].partition(", and ")[0] for text in texts]
    return max((text.partition(":")[0] for text in first_sentences), key=len, default="").strip(" .'")
