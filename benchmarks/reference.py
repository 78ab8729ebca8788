"""Measure the reference for names, a classifier of writers without a language model, beside naive Bayes.

    python benchmarks/reference.py --home HOME [--split validation] [--messages N] [--search]
                                   [--read N …]

HOME is prepared: that of `vq demo`, or the one that `training_search.py` makes of recorded chats. Each classifier reads
the whole training split of the people with the most messages, and names the writers of the other split. A line of JSON
each: the share of messages (ID@1), of groups of 5 and of 20 by one writer (ID@5, ID@20), and the share of messages as a
mean over people, so that all of them weigh the same. `--messages` measures on as many as `vq eval` would, the ones that
it draws with seed 0: 48 with `--quick`. `--search` tries values of C with and without class weights; the
settings of `evaluate/reference.py` were chosen so, on the validation split. The next line is the reference itself, with
bits about the name. A run that stops early has not read all training messages. `--read` adds the reference for as many
of them, drawn at random.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from ventriloquist.evaluate.heldout import Target, draw_targets
from ventriloquist.evaluate.inputs import Candidates, EvalContext, System
from ventriloquist.evaluate.judge import Judge
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.metrics.identity import MAX_CANDIDATES
from ventriloquist.evaluate.reference import MAX_CHARACTERS, MAX_FEATURES, TOLERANCE, train_reference
from ventriloquist.evaluate.texts import Texts
from ventriloquist.store import open_database
from ventriloquist.store.corpus import StoredConversation, typed_lines
from ventriloquist.transcript import Line

OF_NAMES = ("identity", "identity_of_5", "identity_of_20")
COSTS = (0.1, 0.3, 1.0, 3.0)  # values of C that --search tries
CONTEXT = EvalContext(training={}, judge=Judge(None, {}, 0))

Texted = dict[str, list[str]]
"""Messages by person."""


class Read(NamedTuple):
    """What a home's prepared data holds about the people who wrote most."""

    texts: Texted  # training messages by person
    targets: list[Target]  # their messages of a split
    trained: int  # training messages of everybody


def read(home: Path, split: str) -> Read:
    training: Texted = defaultdict(list)
    others: list[Target] = []
    with open_database(home) as db:
        texts = Texts(db)
        for id, position, sender, content, delta, _, of, message_id in typed_lines(db):
            own = texts.typed(content, message_id)
            if own and of in ("train", None):
                training[sender].append(own)
            elif own and of == split:
                conversation = StoredConversation(id, "group", (), 0, 0)
                others.append(Target(conversation, position, Line(sender, delta, content), 0, own=own))
    names = sorted(training, key=lambda name: (-len(training[name]), name))[:MAX_CANDIDATES]
    return Read(
        {name: training[name] for name in names},
        [one for one in others if one.line.name in names],
        sum(map(len, training.values())),
    )


def sample(texts: Texted, share: float) -> Texted:
    """Draw a share of each person's messages."""
    generator = random.Random(0)
    return {name: generator.sample(own, max(1, round(len(own) * min(share, 1)))) for name, own in texts.items()}


def figures(names: Sequence[str], targets: Sequence[Target], costs: Any) -> dict[str, Any]:
    """Return the metrics of names for costs, (targets, names)."""
    items = [
        Candidates(target, tuple(of_target.tolist()), names.index(target.line.name), tuple(names))
        for target, of_target in zip(targets, costs, strict=True)
    ]
    system = System("ngram", names=items)
    found: dict[str, Any] = {}
    for name in OF_NAMES:
        measured = METRICS[name].measure(system, CONTEXT)
        if measured is not None and measured.n:
            low, high = measured.interval(0)
            found[name] = {"value": round(measured.value, 3), "n": measured.n, "95 %": [round(low, 3), round(high, 3)]}
    own = [METRICS["identity"].measure(system.of(name), CONTEXT) for name in names]
    found["mean over people"] = round(float(np.mean([one.value for one in own if one is not None])), 3)
    information = METRICS["name_information"].measure(system, CONTEXT)
    if information is not None:
        found["bits about the name"] = round(information.value, 3)
    return found


def classifiers(texts: Texted, *, search: bool) -> Iterator[tuple[str, Callable[[list[str]], Any]]]:
    """Yield classifiers by name: each returns costs, (contents, names)."""
    names = sorted(texts)
    contents = [content[:MAX_CHARACTERS] for name in names for content in texts[name]]
    writers = [name for name in names for _ in texts[name]]
    for alpha in (1.0, 0.1):
        counts = CountVectorizer(analyzer="char", ngram_range=(1, 5), lowercase=False)
        bayes = make_pipeline(counts, MultinomialNB(alpha=alpha, fit_prior=False)).fit(contents, writers)
        yield f"naive Bayes, alpha {alpha}", lambda asked, bayes=bayes: -bayes.predict_log_proba(asked)
    for cost in COSTS if search else ():
        for weight in (None, "balanced"):
            features = TfidfVectorizer(
                analyzer="char", ngram_range=(1, 5), lowercase=False, sublinear_tf=True, max_features=MAX_FEATURES
            )
            machine = LinearSVC(C=cost, tol=TOLERANCE, class_weight=weight, random_state=0)
            fitted = make_pipeline(features, machine).fit(contents, writers)
            yield (
                f"TF-IDF + SVM, C {cost}, class weights {weight}",
                lambda asked, fitted=fitted: -np.reshape(fitted.decision_function(asked), (len(asked), -1)),
            )
    classifier = train_reference(texts)
    yield "the reference", classifier.costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--messages", type=int, help="default: all")
    parser.add_argument("--search", action="store_true", help="try values of C and class weights")
    parser.add_argument("--read", type=int, nargs="*", default=(), help="training messages, of everybody's")
    arguments = parser.parse_args()
    texts, targets, trained = read(arguments.home, arguments.split)
    targets = draw_targets(targets, arguments.messages, seed=0)
    read_by = sum(map(len, texts.values()))
    print(json.dumps({"people": len(texts), "trained on": read_by, arguments.split: len(targets)}), flush=True)
    started = time.process_time()
    of_fewer = (
        (f"the reference, {count:,} messages read", train_reference(sample(texts, count / trained)).costs)
        for count in arguments.read
    )
    for name, costs in chain(classifiers(texts, search=arguments.search), of_fewer):
        found = figures(sorted(texts), targets, costs([target.typed[:MAX_CHARACTERS] for target in targets]))
        if not name.startswith("the reference"):
            del found["bits about the name"]  # of costs that are no log-probabilities
        seconds = round(time.process_time() - started, 1)
        print(json.dumps({"classifier": name, **found, "CPU seconds": seconds}), flush=True)
        started = time.process_time()


if __name__ == "__main__":
    main()
