"""Search for settings with which SmolLM2 learns persons, at a fixed cost per run, measured on validation messages.

    python benchmarks/training_search.py --data chats.jsonl.gz --work DIR [--tokens 80000] [--only NAME …]
                                         [--seeds 0 …] [--best NAME]

The data is JSON Lines in the form that `chat_db_from_jsonl.py` reads. The script uses the chats of the four and the
ten most talkative people. Each run trains one of CANDIDATES and prints a line of JSON: what was trained and for how
long; bits per character of base and adapter; ID@1 by name swap, without and with context, and bits about the name,
beside the reference classifier.

The script measures on the validation split. It copies the home, deletes the test messages from the copy, and uses the
validation messages as the test split. `--seeds` repeats each run with other adapters and another order.

`--best NAME` adds a control, for seeds 0 and 1: the same messages with shuffled names, trained for as many steps. For
each seed, the script prints a line of JSON with the paired differences between both on the same messages, and their
intervals. What the control gains as well is not about persons.

The cost of a run is counted in tokens with LoRA on all layers, so other work on the machine does not change it.
80,000 tokens take eight to ten minutes of a core (OMP_NUM_THREADS=1). If a token costs less, a run gets more tokens.
The search reads finished runs from DIR/results.jsonl and does not repeat them. So you can stop it, and two searches
can share DIR.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from chat_db_from_jsonl import prepared_home
from shuffle_names import shuffle_names

from ventriloquist import evaluate, train
from ventriloquist.fs import make_private_folder
from ventriloquist.layout import DATABASE
from ventriloquist.store import Connection, open_database, transaction
from ventriloquist.train import preset

EXTENT = evaluate.Extent(
    likelihood=200, identity=200, validity=16, validity_context=4, ranking=50
)  # some minutes a run
METRICS = (
    "validity",
    "likelihood",
    "identity",
    "identity_of_5",
    "name_information",
    "identity_in_context",
    "name_information_in_context",
)
BASE = preset("smollm2").changed(  # as it was before the search
    rank=32, alpha=64, top_layers=10, learning_rate=3e-3, targets_per_window=8, window=8, max_length=384
)

ALL: dict[str, Any] = {"top_layers": None, "learning_rate": 1e-3}


class Candidate(NamedTuple):
    """The differences from BASE, and the data to train on."""

    changes: dict[str, Any]
    people: int = 10  # whose chats
    messages: int | None = None  # trained on; None: all
    cost: float = 1.0  # processor time of a token, all layers of rank 32 being 1; see cpu_step.py


class Length(NamedTuple):
    """How long a run is, and its seed."""

    tokens: int
    seed: int = 0
    steps: int | None = None  # instead of tokens


CONTROL_SEEDS = (0, 1)
CANDIDATES = {  # one thing at a time, then what was best together
    "as it was": Candidate({}, cost=0.6),
    "rate 1e-3": Candidate({"learning_rate": 1e-3}, cost=0.6),
    "all layers, 1e-3": Candidate(ALL),
    "all layers, 5e-4": Candidate({**ALL, "learning_rate": 5e-4}),
    "all layers, 2e-3": Candidate({**ALL, "learning_rate": 2e-3}),
    "rank 8": Candidate({**ALL, "rank": 8, "alpha": 16}),
    "rank 128": Candidate({**ALL, "rank": 128, "alpha": 256}),
    "rows of 512": Candidate({**ALL, "max_length": 512, "targets_per_window": 16, "window": 16}),
    "rows of 160": Candidate({**ALL, "max_length": 160, "targets_per_window": 4, "window": 4}),
    "blocks of 2": Candidate(
        {**ALL, "targets_per_window": 2}
    ),  # every other line without context: the name alone tells
    "content": Candidate({**ALL, "supervise": "content"}),
    "even": Candidate({**ALL, "evenness": 1.0}),
    "800 messages, thrice": Candidate({**ALL, "epochs": 3}, messages=800),
    "four, all layers, 1e-3": Candidate(ALL, people=4),
    "rows of 192": Candidate({**ALL, "max_length": 192, "targets_per_window": 4}),
}


@contextmanager
def copied(home: Path, output: Path) -> Iterator[Connection]:
    """Copy a home. The block may change the copy, which appears whole or not at all."""
    partial = output.with_name(f"{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    make_private_folder(partial)
    shutil.copyfile(home / DATABASE, partial / DATABASE)
    with open_database(partial) as db, transaction(db):
        yield db
    partial.rename(output)


def validation_home(home: Path, output: Path) -> Path:
    """Copy a home without its test messages, use its validation messages as the test split, and return the copy."""
    if output.exists():
        return output
    with copied(home, output) as db:
        for conversation, start in db.execute(
            "SELECT conversation_id, min(position) FROM training_messages WHERE split = 'test' GROUP BY 1"
        ).fetchall():
            db.execute(
                "DELETE FROM training_messages WHERE conversation_id = ? AND position >= ?", (conversation, start)
            )
            db.execute(
                "UPDATE training_conversations SET messages = ? WHERE conversation_id = ?", (start, conversation)
            )
        db.execute("UPDATE training_messages SET split = 'test' WHERE split = 'validation'")
    return output


def fewer(home: Path, output: Path, messages: int) -> Path:
    """Copy a home and keep this many training messages, of randomly drawn conversations. The others become context."""
    if output.exists():
        return output
    with copied(home, output) as db:
        counts = db.execute(
            "SELECT conversation_id, count(*) FROM training_messages WHERE split = 'train' GROUP BY 1 ORDER BY 1"
        ).fetchall()
        left = messages
        for conversation, count in random.Random(0).sample(counts, len(counts)):
            if left <= 0:
                db.execute(
                    "UPDATE training_messages SET split = NULL WHERE conversation_id = ? AND split = 'train'",
                    (conversation,),
                )
            left -= count
    return output


def search_home(data: Path, work: Path, candidate: Candidate) -> Path:
    """Return the home that a candidate trains on."""
    folder = work / f"{candidate.people} people"
    home = validation_home(prepared_home(data, folder, candidate.people), folder / "validation")
    if candidate.messages is not None:
        home = fewer(home, folder / f"{candidate.messages} messages", candidate.messages)
    return home


def control_home(home: Path, seed: int) -> Path:
    """Copy the home that a candidate trains on, with shuffled names."""
    control = home.with_name(f"{home.name}, names shuffled, seed {seed}")
    if not control.exists():
        partial = home.with_name(f"{control.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shuffle_names(home, partial, seed)
        partial.rename(control)
    return control


def run(name: str, home: Path, models: Path, candidate: Candidate, length: Length) -> dict[str, Any]:
    """Train a candidate and measure it."""
    if not (home / "models").exists():
        (home / "models").symlink_to(models, target_is_directory=True)
    settings = type(BASE)(**{**BASE.model_dump(), "max_steps": 1, "seed": length.seed, **candidate.changes})
    with open_database(home) as db:
        estimate = train.plan(db, settings, home=home).estimate
        steps = length.steps or max(
            1, round(length.tokens / candidate.cost * estimate.steps_per_epoch / estimate.tokens_per_epoch)
        )
        before = time.process_time()
        trained = train.run(db, train.plan(db, settings.changed(max_steps=steps), home=home))
        seconds = time.process_time() - before
        planned = evaluate.plan(db, Path(trained.run or ""), home=home, extent=EXTENT, only=METRICS)
        measured = evaluate.run(db, planned)
    return {
        "name": name,
        "seed": length.seed,
        "run": trained.run,
        "changes": candidate.changes,
        "minutes": round(seconds / 60, 2),
        "steps": trained.steps,
        "messages": trained.trained_targets,
        "tokens": trained.trained_tokens,
        "metrics": {key: asdict(result) for key, result in measured.metrics.items()},
    }


def paired(home: Path, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Compare two runs on the same messages of a home."""
    with open_database(home) as db:
        planned = evaluate.plan(
            db, Path(first["run"]), home=home, extent=EXTENT, only=METRICS, against=Path(second["run"])
        )
        comparison = evaluate.run(db, planned).comparison
    return {
        "difference": [first["name"], second["name"]],
        "seed": first["seed"],
        "metrics": {key: asdict(row) for key, row in (comparison.metrics if comparison else {}).items()},
    }


class Search:
    """The finished runs of a folder, by name and seed, and the way to another one."""

    def __init__(self, work: Path) -> None:
        self._models = work / "models"
        self._models.mkdir(parents=True, exist_ok=True)
        self._results = work / "results.jsonl"

    def result(self, name: str, home: Path, candidate: Candidate, length: Length) -> dict[str, Any]:
        """Return a run's result, from the file if it is there."""
        lines = self._results.read_text(encoding="utf-8").splitlines() if self._results.exists() else ()
        for result in map(json.loads, lines):
            if (result["name"], result.get("seed")) == (name, length.seed):
                return result  # type: ignore[no-any-return]
        result = run(name, home, self._models, candidate, length)
        with self._results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")
        return result

    def with_control(self, name: str, home: Path, candidate: Candidate, length: Length) -> Iterator[dict[str, Any]]:
        """Yield a candidate's result, that of its control after as many steps, and their paired differences."""
        result = self.result(name, home, candidate, length)
        yield result
        as_long = length._replace(steps=result["steps"])
        control = self.result(f"{name}, names shuffled", control_home(home, length.seed), candidate, as_long)
        yield control
        yield paired(home, result, control)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=80_000)
    parser.add_argument("--only", nargs="*", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--best", choices=CANDIDATES, help="also train its control with shuffled names")
    arguments = parser.parse_args()
    work: Path = arguments.work.resolve()
    search = Search(work)
    for name in arguments.only:
        home = search_home(arguments.data, work, CANDIDATES[name])
        for seed in arguments.seeds:
            print(json.dumps(search.result(name, home, CANDIDATES[name], Length(arguments.tokens, seed))), flush=True)
    if arguments.best:
        best = CANDIDATES[arguments.best]
        home = search_home(arguments.data, work, best)
        for seed in CONTROL_SEEDS:
            for result in search.with_control(arguments.best, home, best, Length(arguments.tokens, seed)):
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
