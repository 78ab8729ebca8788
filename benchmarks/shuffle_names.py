"""Copy a prepared home and shuffle the writers of its training messages, as a control for scores about people.

    python benchmarks/shuffle_names.py --home HOME --output CONTROL
    VQ_HOME=CONTROL vq train --model smollm2 --max-minutes 10 && VQ_HOME=CONTROL vq eval

Names are shuffled among the training lines of each conversation, so format, members and topics stay. Held-out lines
keep their writers. If an adapter that is trained on the copy still gains something, the gain is not about persons.
"""

from __future__ import annotations

import argparse
import random
import shutil
from pathlib import Path

from ventriloquist.fs import make_private_folder
from ventriloquist.layout import DATABASE
from ventriloquist.store import open_database, transaction
from ventriloquist.transcript import Line, parse_line, render_line


def shuffle_names(home: Path, output: Path, seed: int) -> int:
    """Write the copy; return how many lines got another name."""
    make_private_folder(output)
    shutil.copyfile(home / DATABASE, output / DATABASE)
    generator = random.Random(seed)
    changed = 0
    with open_database(output) as db, transaction(db):
        for (conversation,) in db.execute("SELECT conversation_id FROM training_conversations").fetchall():
            rows = db.execute(
                "SELECT id, line FROM training_messages"
                " WHERE conversation_id = ? AND coalesce(split, 'train') = 'train' ORDER BY position",
                (conversation,),
            ).fetchall()
            lines = [parse_line(line) for _, line in rows]
            names = generator.sample([line.name for line in lines], len(lines))
            changed += sum(line.name != name for line, name in zip(lines, names, strict=True))
            db.executemany(
                "UPDATE training_messages SET sender = ?, line = ? WHERE id = ?",
                [
                    (name, render_line(Line(name, line.delta, line.content)), id)
                    for (id, _), line, name in zip(rows, lines, names, strict=True)
                ],
            )
    return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{shuffle_names(arguments.home, arguments.output, arguments.seed):,} lines under another name")


if __name__ == "__main__":
    main()
