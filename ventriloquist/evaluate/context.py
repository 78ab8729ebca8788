"""Read the context of an evaluation from the prepared data: training text, the judge's messages, habits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter

from ventriloquist.evaluate.baselines import delta_shares
from ventriloquist.evaluate.format_lines import format_lines
from ventriloquist.evaluate.heldout import Target
from ventriloquist.evaluate.inputs import EvalContext, Message, Reply
from ventriloquist.evaluate.judge import train_judge
from ventriloquist.evaluate.metrics.identity import MAX_CANDIDATES
from ventriloquist.evaluate.texts import Texts
from ventriloquist.evaluate.word_judge import train_word_judge
from ventriloquist.model.manifest import Manifest
from ventriloquist.store import Connection
from ventriloquist.store.corpus import typed_lines

MAX_PAST = 5000  # of a person's past messages, the latest; retrieval searches them


def read_context(
    db: Connection,
    targets: Sequence[Target],
    boundaries: Mapping[int, int],
    seed: int,
    manifest: Manifest | None = None,
) -> EvalContext:
    """Read what the prepared data says about the people. It uses no message of the test split but the targets.

    It reads only what a message's writer typed (see `texts`), and only the delta of a placeholder.

    Args:
        boundaries: for each conversation, the position of the first message that no run was trained on.
        manifest: of the run; says how many messages it was trained on.
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
        if split in ("train", None) and position < boundaries.get(id, 0):
            deltas[sender, sender == before][delta] += 1
            if own:
                training[sender].append(own)
                if before and before != sender:
                    past[sender].append((sent_at, Reply(sender, said, own)))
        elif split == "validation" and position >= boundaries.get(id, 0) and own:
            judged[sender].append(own)
        before, said = sender, own
    by_person, by_turn = delta_shares(deltas)
    judge = train_judge(judged)
    in_split = sum(map(len, training.values()))
    return EvalContext(
        training=dict(training),
        judge=judge,
        word_judge=train_word_judge(judged),
        real=[Message(target, own) for target in targets if (own := target.typed)],
        delta_shares=by_person,
        turn_shares=by_turn,
        candidates=sorted(training, key=lambda name: (-len(training[name]), name))[:MAX_CANDIDATES],
        past=[one for replies in past.values() for _, one in sorted(replies, key=itemgetter(0))[-MAX_PAST:]],
        format_lines=format_lines(db, boundaries, seed),
        division={
            "trained on": in_split if manifest is None else trained_on(manifest, in_split),
            "read by the judge of style": judge.messages,
            "tested on": len(targets),
        },
        seed=seed,
    )


def trained_on(manifest: Manifest, split: int) -> int:
    """Return how many messages a run was trained on. A run that time or validation stopped has not seen all of them.

    Args:
        split: messages of the training split. A run may have seen each several times; if its manifest does not say how
            many targets it saw, it counts as having seen all messages.
    """
    seen = manifest.result.get("trained_targets")
    if isinstance(seen, bool) or not isinstance(seen, int) or seen < 0:
        return split
    return min(seen, split)
