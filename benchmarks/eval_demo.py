"""The figures and the picture of docs/eval.md: the demo's adapter, between `--quick` and the full suite.

    vq demo --home HOME && python benchmarks/eval_demo.py --home HOME --report report.html

All held-out messages are scored, 64 lines written by the adapter and by the base model, 48 names swapped. A second run
takes seconds. The picture is the page's top in headless Chromium, 1000 pixels wide, light and dark.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from ventriloquist.cli.eval import show_tables
from ventriloquist.database import open_database
from ventriloquist.evaluate import Extent, evaluate
from ventriloquist.evaluate.examples import read_examples
from ventriloquist.evaluate.report import write_report
from ventriloquist.model.adapter import find_run
from ventriloquist.model.manifest import hash_data, read_manifest

EXTENT = Extent(likelihood=None, identity=48, validity=64, validity_context=4, thorough=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    arguments = parser.parse_args()
    run = find_run(arguments.home / "runs")
    with open_database(arguments.home) as db:
        result = evaluate(db, run, home=arguments.home, extent=EXTENT)
        examples = read_examples(run, hash_data(db))
    write_report(result, arguments.report, manifest=read_manifest(run), examples=examples)
    show_tables(result)


if __name__ == "__main__":
    main()
