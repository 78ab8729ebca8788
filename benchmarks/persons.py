"""What an adapter learns of persons: recorded chats, the whole way, and the same with shuffled names beside it.

    python benchmarks/persons.py --data chats.jsonl.gz --work DIR [--people 10] [--minutes 10]

The data are JSON lines as `chat_db_from_jsonl.py` reads them. For the adapter and the control it prints a line of JSON:
what was trained in which time, bits per character of base and adapter on held-out messages, and ID@1 by name swap
beside the character n-gram classifier. Finished parts are not done again.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from chat_db_from_jsonl import choose, read, write
from shuffle_names import shuffle_names

from ventriloquist import collect, prepare
from ventriloquist.database import open_database, recorded_run
from ventriloquist.database.connect import FILENAME
from ventriloquist.evaluate import Extent, evaluate
from ventriloquist.sources import SOURCES
from ventriloquist.train import preset, train

EXTENT = Extent(likelihood=300, identity=150, validity=48, validity_context=4)


def prepared_home(data: Path, work: Path, people: int) -> Path:
    """Build a chat.db, collect it and prepare it."""
    home = work / "home"
    if not (home / FILENAME).exists():
        folder = work / "source"
        write(choose(list(read(data)), people), folder)
        with (
            SOURCES["chat-db"](folder / "chat.db", folder / "AddressBook") as source,
            recorded_run(home, "collect", create=True) as run,
        ):
            run.result = collect.collect(run.db, source)
        with recorded_run(home, "prepare") as run:
            run.result = prepare.prepare(run.db)
    return home


def measure(name: str, home: Path, models: Path, minutes: float, people: int) -> None:
    """Train and evaluate in a home, and print the figures."""
    if not (home / "models").exists():
        (home / "models").symlink_to(models, target_is_directory=True)
    with open_database(home) as db:
        trained = train(db, preset("smollm2").changed(max_minutes=minutes, epochs=1), home=home)
        result = evaluate(db, Path(trained.run or ""), home=home, extent=EXTENT)
        messages = db.conn.execute("SELECT count(*) FROM text_messages").fetchone()[0]
    figures = {
        "run": name,
        "messages": messages,
        "people": people,
        "tokens_trained": trained.trained_tokens,
        "messages_trained": trained.trained_targets,
        "steps": trained.steps,
        "minutes": trained.minutes,
        **{name: asdict(result.metrics[name]) for name in ("validity", "likelihood", "identity")},
    }
    print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    home = prepared_home(arguments.data, arguments.work, arguments.people)
    control = arguments.work / "control"
    if not control.exists():
        shuffle_names(home, control, seed=0)
    models = (arguments.work / "models").resolve()
    models.mkdir(exist_ok=True)
    measure("true names", home, models, arguments.minutes, arguments.people)
    measure("shuffled names", control, models, arguments.minutes, arguments.people)


if __name__ == "__main__":
    main()
