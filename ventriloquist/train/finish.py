"""The last files of a run: the tokenizer, the loss curve and the manifest. With the manifest it is finished."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ventriloquist.fs import flush_all, write_json
from ventriloquist.layout import BASE, BEST, CHECKPOINTS, LOG
from ventriloquist.model.base import TINY
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.gate import ADAPTER_CONFIG, read_json
from ventriloquist.model.manifest import Manifest, first_unseen, kept_base, package_versions, read_manifest
from ventriloquist.model.tokens import sample_hash
from ventriloquist.paths import without_home
from ventriloquist.store import Connection
from ventriloquist.store.corpus import times_before
from ventriloquist.train import log
from ventriloquist.train.checkpoints import saving
from ventriloquist.train.curve import draw
from ventriloquist.train.folder import kept_settings
from ventriloquist.train.log import Outcome
from ventriloquist.transcript import FORMAT_VERSION, UNKNOWN, order_members

if TYPE_CHECKING:
    from ventriloquist.train.stage import TrainPlan


def finish(db: Connection, plan: TrainPlan, outcome: Outcome) -> None:
    """Write the last files of a run, the manifest after all others, and remove what only resuming needs.

    Raises:
        StorageError: the disk is full; the run can still be resumed.
    """
    folder, settings = plan.folder, plan.settings
    with saving(folder):
        (folder / "README.md").unlink(missing_ok=True)  # peft's card for the hub
        _hide_where_the_base_was(folder, plan.home)
        plan.corpus.tokenizer.save_pretrained(folder)
        if settings.model == TINY and settings.continue_from is not None:  # a `tiny` base is in its run
            shutil.copytree(plan.base.source, folder / BASE, dirs_exist_ok=True)
        if steps := log.read(folder / LOG):
            draw(steps, folder)
        flush_all(folder)  # before the manifest says that all is there, and before the checkpoints go
        _manifest(db, plan, outcome).write(folder)
    for rest in (folder / CHECKPOINTS, *folder.glob(f"{BEST}*")):
        shutil.rmtree(rest, ignore_errors=True)


def _manifest(db: Connection, plan: TrainPlan, outcome: Outcome) -> Manifest:
    settings, corpus = plan.settings, plan.corpus
    earlier = read_manifest(Path(settings.continue_from)) if settings.continue_from is not None else None
    held_out, trained_until = _holdout_boundaries(db, corpus, earlier)
    people = _people(corpus)
    if earlier is not None:  # the adapter still knows those people
        people += [name for name in earlier.people if name not in people]
    return Manifest(
        format_version=FORMAT_VERSION,
        base_model=BASE if settings.model == TINY else kept_base(plan.base.source, plan.home),
        base_revision=plan.base.revision,
        base_kind=plan.config.model_type,
        tokens_hash=sample_hash(corpus.tokenizer),
        window=settings.window,
        context=settings.context,
        targets_per_window=settings.targets_per_window,
        max_length=settings.max_length,
        settings=kept_settings(settings, plan.home).model_dump(),
        seed=settings.seed,
        data_hash=corpus.data_hash,
        people=people,
        held_out=held_out,
        trained_until=trained_until,
        packages=package_versions(),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        result=without_home({"run": str(plan.folder), **asdict(outcome)}, plan.home),
    )


def _holdout_boundaries(
    db: Connection, corpus: Corpus, earlier: Manifest | None
) -> tuple[dict[int, int], dict[int, int]]:
    """Return for each conversation its first held-out position, and the time (Unix ms) of the last message before it.

    Messages that the earlier adapter was trained on are not held out, even if their split says so.
    """
    held_out: dict[int, int] = {}
    for conversation in corpus.conversations:
        span = corpus.targets(conversation, "validation") or corpus.targets(conversation, "test")
        held_out[conversation.id] = span.first if span else conversation.messages
    until: dict[int, int] = {}
    if earlier is not None:
        for id, position in first_unseen(db, earlier).items():
            held_out[id] = max(position, held_out.get(id, 0))
        until |= earlier.trained_until
    for id, sent_at in times_before(db, held_out).items():
        until[id] = max(sent_at, until.get(id, sent_at))
    return held_out, until


def _people(corpus: Corpus) -> list[str]:
    """Return everybody whom the prepared conversations name, the owner first."""
    members = {member for conversation in corpus.conversations for member in conversation.members}
    owner = corpus.conversations[0].members[0]
    return list(order_members(owner, members - {UNKNOWN}))


def _hide_where_the_base_was(folder: Path, home: Path) -> None:
    """Make the base model's path in peft's configuration relative to the run. Only other programs read it."""
    path = folder / ADAPTER_CONFIG
    config = read_json(path)
    config["base_model_name_or_path"] = kept_base(config.get("base_model_name_or_path") or "", home)
    write_json(path, config, indent=2)
