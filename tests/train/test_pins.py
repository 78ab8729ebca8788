"""The release of Unsloth that the extra installs is the one that `make test-unsloth` runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"\b(unsloth(?:_zoo)?)==([0-9.]+)")


def test_the_extra_installs_the_release_of_unsloth_that_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = dict(PIN.findall(" ".join(project["project"]["optional-dependencies"]["unsloth"])))
    tested = dict(PIN.findall((ROOT / "Makefile").read_text(encoding="utf-8")))
    assert extra == tested
    assert set(extra) == {"unsloth", "unsloth_zoo"}
    assert len(set(extra.values())) == 1
    assert extra["unsloth"] in (ROOT / "docs" / "train.md").read_text(encoding="utf-8")
