"""Search for settings under which SmolLM2 learns persons, at a fixed time a run, measured on validation messages.

    python benchmarks/training_search.py --data chats.jsonl.gz --work DIR [--minutes 5] [--only NAME …] [--best NAME]

The data are JSON lines as `chat_db_from_jsonl.py` reads them: the chats of the four and the ten most talkative people.
Each run trains one of CANDIDATES and prints a line of JSON: what was trained in which time; bits per character of base
and adapter; ID@1 by name swap, without and with context, beside the character n-gram classifier. The messages measured
are those of the validation split: they take the place of the test split in a copy of the home, from which the test
messages are gone. `--best NAME` trains a candidate on that copy with shuffled names, too: what it still gains there is
not about persons. Finished runs are read back from DIR/results.jsonl and not done again, so the search can be stopped.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from persons import prepared_home
from shuffle_names import shuffle_names

from ventriloquist.database import open_database
from ventriloquist.database.connect import FILENAME, make_private_folder
from ventriloquist.evaluate import Extent, evaluate
from ventriloquist.train import preset, train

EXTENT = Extent(likelihood=160, identity=100, validity=16, validity_context=4, ranking=24)  # some minutes a run
METRICS = ("validity", "likelihood", "identity", "identity_in_context")
BASE = preset("smollm2")

# name: (people, what differs from the preset and why it may help). One thing at a time, then what was best together.
CANDIDATES: dict[str, tuple[int, dict[str, Any]]] = {
    "preset": (10, {}),
    "four people": (4, {}),
    "rate 1e-3": (10, {"learning_rate": 1e-3}),  # what 30 minutes liked best
    "rate 6e-3": (10, {"learning_rate": 6e-3}),
    "rank 8": (10, {"rank": 8, "alpha": 16}),
    "rank 128": (10, {"rank": 128, "alpha": 256}),
    "all layers": (10, {"top_layers": None}),  # names are read below, but a step costs half as much again
    "top 4 layers": (10, {"top_layers": 4}),
    "rows of 160": (10, {"max_length": 160, "targets_per_window": 4, "window": 4}),  # twice the steps
    "rows of 768": (10, {"max_length": 768, "targets_per_window": 20, "window": 20}),  # half the steps
    "content": (10, {"supervise": "content"}),  # no effort on names and deltas
    "even": (10, {"evenness": 1.0}),  # who wrote little comes sooner
    "four, rate 1e-3": (4, {"learning_rate": 1e-3}),
    "four, content": (4, {"supervise": "content"}),
    "four, few messages thrice": (4, {"epochs": 3, "max_steps": 360}),
}


def validation_home(home: Path, output: Path) -> Path:
    """Copy a home without its test messages; those of the validation split are its test split. Return the copy."""
    if output.exists():
        return output
    partial = output.with_name(f"{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    make_private_folder(partial)
    shutil.copyfile(home / FILENAME, partial / FILENAME)
    with open_database(partial) as db, db.atomic():
        for conversation, start in db.conn.execute(
            "SELECT conversation_id, min(position) FROM training_messages WHERE split = 'test' GROUP BY 1"
        ).fetchall():
            db.conn.execute(
                "DELETE FROM training_messages WHERE conversation_id = ? AND position >= ?", (conversation, start)
            )
            db.conn.execute(
                "UPDATE training_conversations SET messages = ? WHERE conversation_id = ?", (start, conversation)
            )
        db.conn.execute("UPDATE training_messages SET split = 'test' WHERE split = 'validation'")
    partial.rename(output)
    return output


def homes(data: Path, work: Path, people: int) -> tuple[Path, Path]:
    """Return the home to search in, and the same with shuffled names."""
    folder = work / f"{people} people"
    home = validation_home(prepared_home(data, folder, people), folder / "validation")
    control = folder / "shuffled"
    if not control.exists():
        shuffle_names(home, control, seed=0)
    return home, control


def run(name: str, home: Path, models: Path, changes: dict[str, Any], minutes: float) -> dict[str, Any]:
    """Train and measure one candidate."""
    if not (home / "models").exists():
        (home / "models").symlink_to(models, target_is_directory=True)
    settings = type(BASE)(**{**BASE.model_dump(), "max_minutes": minutes, **changes})
    with open_database(home) as db:
        trained = train(db, settings, home=home)
        measured = evaluate(db, Path(trained.run or ""), home=home, extent=EXTENT, only=METRICS)
    return {
        "name": name,
        "changes": changes,
        "minutes": trained.minutes,
        "steps": trained.steps,
        "messages": trained.trained_targets,
        "tokens": trained.trained_tokens,
        "metrics": {key: asdict(result) for key, result in measured.metrics.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5, help="of the clock, a run; times the cores for CPU time")
    parser.add_argument("--only", nargs="*", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--best", choices=CANDIDATES)
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    models = work / "models"
    models.mkdir(parents=True, exist_ok=True)
    results = work / "results.jsonl"
    done = {json.loads(line)["name"]: line for line in (results.read_text().splitlines() if results.exists() else ())}
    wanted = [(name, False) for name in arguments.only] + ([(arguments.best, True)] if arguments.best else [])
    for name, is_control in wanted:
        label = f"{name}, names shuffled" if is_control else name
        if label not in done:
            people, changes = CANDIDATES[name]
            home = homes(arguments.data, work, people)[is_control]
            done[label] = json.dumps(run(label, home, models, changes, arguments.minutes))
            with results.open("a", encoding="utf-8") as file:
                file.write(done[label] + "\n")
        print(done[label], flush=True)


if __name__ == "__main__":
    main()
