"""Every file of the package in one line, for architecture.md: the first line of its docstring."""

from __future__ import annotations

import ast
from pathlib import Path


PACKAGE = Path(__file__).parent.parent / "ventriloquist"


def module_map() -> None:
    """Write a list for each folder, the package itself first."""
    folders: dict[Path, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        folders.setdefault(path.parent, []).append(path)
    for folder in sorted(folders, key=lambda folder: folder.relative_to(PACKAGE).parts):
        name = f"{folder.relative_to(PACKAGE.parent)}/"
        own = _line(folder / "__init__.py") if folder / "__init__.py" in folders[folder] else ""
        print(f"\n### {name}\n\n{own}\n" if own else f"\n### {name}\n")
        for path in folders[folder]:
            if path.name != "__init__.py":
                print(f"- `{path.name}` {_line(path)}")


def _line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n", 1)[0]
