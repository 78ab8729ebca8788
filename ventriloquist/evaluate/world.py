"""What the prepared file says of the people: training text, the judge's messages, habits, and the baselines of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from ventriloquist.evaluate import baselines
from ventriloquist.evaluate.baselines import Reply
from ventriloquist.evaluate.heldout import Target
from ventriloquist.evaluate.judge import ngram_classifier, train_judge
from ventriloquist.evaluate.metrics.identity import MAX_CANDIDATES
from ventriloquist.evaluate.records import Message, Subject, World
from ventriloquist.evaluate.statistics import Array
from ventriloquist.evaluate.texts import Texts
from ventriloquist.model.manifest import Manifest
from ventriloquist.store import Connection
from ventriloquist.store.corpus import typed_lines

MAX_PAST = 5000  # of a person's past messages that retrieval searches, the latest


@dataclass(frozen=True)
class Known:
    """The world, and what baselines need of the file beside it."""

    world: World
    candidates: list[str]  # of the name swap
    past: list[Reply]
    habits: Mapping[tuple[str, bool], Array]
    division: Mapping[str, int]  # messages each part of the evaluation has read


def read_world(
    db: Connection,
    targets: Sequence[Target],
    held_out: Mapping[int, int],
    seed: int,
    manifest: Manifest | None = None,
) -> Known:
    """Read what is known of the people, with nothing of the test split but the targets themselves.

    Of each message what was typed (see `texts`); of one that is all placeholder nothing but its delta.

    Args:
        held_out: for each conversation, the position of the first message that the adapter has never seen.
        manifest: of the run; says how many messages were trained on before it was stopped.
    """
    training: dict[str, list[str]] = defaultdict(list)
    judged: dict[str, list[str]] = defaultdict(list)
    deltas: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    past: dict[str, list[tuple[int, Reply]]] = defaultdict(list)
    conversation, before, said = None, "", ""
    texts = Texts(db)
    for id, position, sender, content, delta, sent_at, split, message_id in typed_lines(db):
        if id != conversation:
            conversation, before, said = id, "", ""
        own = texts.typed(content, message_id)
        if split in ("train", None) and position < held_out.get(id, 0):
            deltas[sender, sender == before][delta] += 1
            if own:
                training[sender].append(own)
                if before and before != sender:
                    past[sender].append((sent_at, Reply(sender, said, own)))
        elif split == "validation" and position >= held_out.get(id, 0) and own:
            judged[sender].append(own)
        before, said = sender, own
    by_person, by_turn = baselines.delta_shares(deltas)
    names = sorted(training, key=lambda name: (-len(training[name]), name))[:MAX_CANDIDATES]
    judge = train_judge(judged)
    world = World(
        training=dict(training),
        judge=judge,
        real=[Message(target, own) for target in targets if (own := target.typed)],
        delta_shares=by_person,
        seed=seed,
    )
    in_split = sum(map(len, training.values()))
    division = {
        "trained on": in_split if manifest is None else trained_on(manifest, in_split),
        "read by the judge of style": judge.messages,
        "tested on": len(targets),
    }
    latest = [reply for replies in past.values() for _, reply in sorted(replies, key=itemgetter(0))[-MAX_PAST:]]
    return Known(world, names, latest, by_turn, division)


def trained_on(manifest: Manifest, split: int) -> int:
    """Return how many messages a run was trained on: one that time or validation stopped has not seen all of them.

    Args:
        split: messages that it could have been trained on; it may have seen each several times. Where the manifest does
            not say how many it saw, all of them.
    """
    seen = manifest.result.get("trained_targets")
    if isinstance(seen, bool) or not isinstance(seen, int) or seen < 0:
        return split
    return min(seen, split)


def subjects(
    known: Known, adapter: Subject, base: Subject, wanted: Collection[str] | None = None
) -> dict[str, Subject]:
    """Return everybody the adapter is compared with, by name.

    Args:
        wanted: the names of those that are needed; None: all.
    """
    world, real = known.world, known.world.real
    makers: dict[str, Callable[[], Subject]] = {
        "base": lambda: baselines.as_base(base),
        "real": lambda: baselines.real_half(real),
        "pooled": lambda: baselines.pooled(world),
        "nearest": lambda: baselines.nearest(world),
        "retrieval": lambda: baselines.retrieval(real, known.past),
        "shuffled": lambda: baselines.shuffled(adapter, world.seed),
        "habit": lambda: baselines.habit(adapter.scored, known.habits),
        "chance": lambda: baselines.by_chance(adapter.names),
        "ngram": lambda: _ngram(known, adapter),
    }
    return {name: make() for name, make in makers.items() if wanted is None or name in wanted}


def _ngram(known: Known, adapter: Subject) -> Subject:
    """Return the n-gram classifier in the place of a model's speaker scores."""
    if not adapter.names:
        return Subject("ngram")
    pairs = [(content, name) for name in known.candidates for content in known.world.training[name]]
    classify = ngram_classifier([content for content, _ in pairs], [name for _, name in pairs])
    first = classify([item.target.typed for item in adapter.names])
    return baselines.chosen("ngram", adapter.names, first)
