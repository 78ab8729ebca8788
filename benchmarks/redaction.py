"""What redaction finds, and what it changes that it should not.

    python benchmarks/redaction.py [--labelled FILE] [--messages FILE.jsonl.gz] [--region US]

Without arguments: the two labelled sets in tests/prepare/secrets, of which the rules were tuned on the first alone.
`--labelled` measures another one, a message a line with each secret marked as {kind|secret}. `--messages` counts what
is changed in real messages, a JSON object with `content` a line: nearly all of it is false alarms. No text is printed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections import Counter
from pathlib import Path

SECRETS = Path(__file__).parents[1] / "tests" / "prepare" / "secrets"
sys.path.insert(0, str(SECRETS.parent))

import labelled  # noqa: E402  (beside the tests that use it, too)

from ventriloquist.prepare.redact import Redactor  # noqa: E402


def measure_labelled(path: Path, redactor: Redactor) -> None:
    messages = labelled.read(path)
    start = time.process_time()
    score = labelled.score(messages, redactor)
    seconds = time.process_time() - start
    print(f"{path.name}: {len(messages)} messages, {seconds / len(messages) * 1e6:.0f} µs each")
    for kind, secrets in score.secrets.items():
        print(f"  {kind:10} {score.gone[kind]:4} of {secrets:4} gone, {score.exact[kind]:4} replaced exactly")
    print(f"  {score.clean_messages_changed} of {score.clean_messages} messages without a secret changed")


def measure_messages(path: Path, redactor: Redactor) -> None:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["content"] for line in file]
    counts: Counter[str] = Counter()
    start = time.process_time()
    changed = sum(redactor(text, counts) != text for text in texts)
    seconds = time.process_time() - start
    print(f"{path.name}: {len(texts):,} messages, {seconds / len(texts) * 1e6:.0f} µs each, {changed} changed")
    print("  " + (", ".join(f"{kind} {count}" for kind, count in counts.most_common()) or "nothing found"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=Path, action="append")
    parser.add_argument("--messages", type=Path, action="append", default=[])
    parser.add_argument("--region", action="append", help="default: US, GB and DE")
    arguments = parser.parse_args()
    redactor = Redactor(regions=arguments.region or ("US", "GB", "DE"))
    for path in arguments.labelled or [SECRETS / "develop.txt", SECRETS / "final.txt"]:
        measure_labelled(path, redactor)
    for path in arguments.messages:
        measure_messages(path, redactor)


if __name__ == "__main__":
    main()
