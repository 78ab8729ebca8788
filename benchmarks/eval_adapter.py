"""The whole suite on a small machine: every metric, on as many messages as there is time for.

    vq demo --home HOME && python benchmarks/eval_adapter.py --home HOME --report report.html

It prints the tables of `vq eval` and writes its report for the newest run in HOME. A second run takes seconds, and more
messages take what they cost alone. The picture in docs/eval.md shows the top of such a report in headless Chromium,
1000 pixels wide, light and dark.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from ventriloquist import evaluate
from ventriloquist.cli.eval import show_tables
from ventriloquist.evaluate.examples import read_examples
from ventriloquist.evaluate.report import write_report
from ventriloquist.model.adapter import find_run
from ventriloquist.model.manifest import read_manifest
from ventriloquist.store import open_database
from ventriloquist.store.corpus import data_hash


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--report", type=Path, required=True)
    parser.add_argument("--scored", type=int, help="messages; default: all that are held out")
    parser.add_argument("--names", type=int, default=100, help="messages that are scored under every name")
    parser.add_argument("--lines", type=int, default=220, help="written by the adapter, and by the base model")
    parser.add_argument("--ranked", type=int, default=50, help="messages ranked among others, and under every name")
    arguments = parser.parse_args()
    run = find_run(arguments.home / "runs")
    extent = evaluate.Extent(
        likelihood=arguments.scored,
        identity=arguments.names,
        validity=arguments.lines,
        validity_context=4,
        ranking=arguments.ranked,
        thorough=True,
    )
    before = time.process_time()
    with open_database(arguments.home) as db:
        result = evaluate.run(db, evaluate.plan(db, run, home=arguments.home, extent=extent))
        examples = read_examples(run, data_hash(db))
    write_report(result, arguments.report, manifest=read_manifest(run), examples=examples)
    show_tables(result)
    print(f"{(time.process_time() - before) / 60:.1f} minutes of processor time")


if __name__ == "__main__":
    main()
