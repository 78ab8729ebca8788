"""text_messages → training_messages: what each message becomes, in which order, and in which split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ventriloquist.clock import day_begins, day_reader
from ventriloquist.errors import NotReadyError
from ventriloquist.prepare.lines import Sources, quote_reader
from ventriloquist.prepare.options import PrepareOptions
from ventriloquist.prepare.redact import KINDS, OwnRule, load_own_rules
from ventriloquist.prepare.secrets import check_kinds, make_redactor
from ventriloquist.prepare.selection import REASONS, select
from ventriloquist.prepare.splits import drop_equal_texts
from ventriloquist.prepare.store import Target, load_names, store_conversation
from ventriloquist.records import Progress
from ventriloquist.store import Connection, corpus, transaction
from ventriloquist.store.time_zones import COLLECTED, PREPARED, Origin, find_zone, record_zone

__all__ = [
    "KINDS",
    "PrepareOptions",
    "PrepareSummary",
    "check_options",
    "load_own_rules",
    "prepare",
    "require_messages",
]


CACHE_KIB = 32_768  # messages are read by conversation, and lie in the file by time


@dataclass(frozen=True, slots=True)
class PrepareSummary:
    """What prepare made, in numbers.

    Attributes:
        timezone: in which days begin.
        timezone_from: who says so: it was named, stands in the file since it was collected, or is this machine's.
        messages: messages that were read.
        lines: training messages, by split and in all; `context` ones are no targets.
        left_out: messages left out, by reason.
        redacted: spans replaced, by kind.
    """

    timezone: str
    timezone_from: Origin
    messages: int
    conversations: int
    lines: int
    train: int
    validation: int
    test: int
    context: int
    left_out: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)


def require_messages(db: Connection) -> None:
    """Check that collect has run.

    Raises:
        NotReadyError: it has not, or found nothing.
    """
    if db.execute("SELECT 1 FROM text_messages LIMIT 1").fetchone() is None:
        raise NotReadyError("There are no messages yet.", hint="Run: vq collect")


def check_options(db: Connection, options: PrepareOptions, own_rules: Sequence[OwnRule] = ()) -> None:
    """Check all that can fail before anything is written.

    Raises:
        NotReadyError: there are no messages.
        SettingsError, UnknownNameError: an option makes no sense or names nobody.
    """
    require_messages(db)
    check_kinds(options.redact, own_rules)
    zone, _ = find_zone(db, options.timezone, COLLECTED)
    select(db, options, zone)
    if options.split_date is not None:
        day_begins(options.split_date, zone, "--split-date")


def prepare(
    db: Connection,
    options: PrepareOptions | None = None,
    *,
    own_rules: Sequence[OwnRule] = (),
    progress: Progress = lambda _done, _total: None,
) -> PrepareSummary:
    """Replace the training messages, in one transaction and with flat memory.

    Args:
        db: the file.
        options: every switch.
        own_rules: the user's own rules of redaction (see `load_own_rules`).
        progress: called with messages done and in all.

    Raises:
        NotReadyError: there are no messages.
        SettingsError, UnknownNameError: an option makes no sense or names nobody.
    """
    options = options or PrepareOptions()
    require_messages(db)
    zone, origin = find_zone(db, options.timezone, COLLECTED)
    selection = select(db, options, zone)
    cut_at = None if options.split_date is None else day_begins(options.split_date, zone, "--split-date")
    redact = make_redactor(db, options.redact, own_rules)
    done = 0

    def advance(messages: int) -> None:
        nonlocal done
        done += messages
        progress(done, total)

    quoted = quote_reader(db, selection, redact)
    sources = Sources(db, selection, redact, quoted, left_out=Counter(), redacted=Counter(), advance=advance)
    total = db.execute("SELECT count(*) FROM text_messages").fetchone()[0]
    db.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    with transaction(db):
        corpus.clear(db)
        target = Target(options, load_names(db), day_reader(zone), cut_at)
        for id, type in db.execute("SELECT id, type FROM conversations ORDER BY id").fetchall():
            store_conversation(sources, target, id, type)
        drop_equal_texts(db)
        record_zone(db, PREPARED, zone.key)
    splits = corpus.count_by_split(db)
    return PrepareSummary(
        timezone=zone.key,
        timezone_from=origin,
        messages=total,
        conversations=len(corpus.conversations(db)),
        lines=sum(splits.values()),
        **{name: splits.get(name, 0) for name in ("train", "validation", "test", "context")},
        left_out=_ordered(sources.left_out, REASONS),
        redacted=_ordered(sources.redacted, [*(rule.kind for rule in own_rules), *KINDS]),
    )


def _ordered(counts: Counter[str], order: Sequence[str]) -> dict[str, int]:
    return {name: counts[name] for name in dict.fromkeys(order) if counts[name]}
