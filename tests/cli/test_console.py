"""What is printed into a pipe is whole."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

TABLE = """
from rich.table import Table
from ventriloquist.cli.console import print_table, show, stdout_console
table = Table(title="t" * 150, box=None)
for column in ("figure", "verdict"):
    table.add_column(column)
table.add_row("1.61", "word " * 60 + "end")
print_table(table)
stdout_console().print("line " * 60 + "end")
show({}, [("label", "value " * 60 + "end")], json=False, title="title " * 60 + "end")
"""


@pytest.mark.parametrize("columns", [None, "60"])
def test_a_table_a_line_and_a_title_are_not_broken_in_a_pipe(columns: str | None) -> None:
    environment = dict(os.environ) | ({"COLUMNS": columns} if columns else {})
    shown = subprocess.run(
        [sys.executable, "-c", TABLE], capture_output=True, text=True, check=True, env=environment
    ).stdout.splitlines()
    for word in ("word", "line", "value", "title"):
        (line,) = (line for line in shown if word in line)
        assert line.count(word) == 60
        assert line.endswith("end")
