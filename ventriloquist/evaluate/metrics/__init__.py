"""The table of metrics: each has one row and one pure function. Reports keep this order."""

from __future__ import annotations

from ventriloquist.evaluate.inputs import (
    FormatKnown,
    FreeLines,
    Messages,
    NamesAlone,
    NamesInContext,
    RankedMessages,
    ScoredLines,
    WrittenLines,
)
from ventriloquist.evaluate.metric import Metric
from ventriloquist.evaluate.metrics.assistant import assistant
from ventriloquist.evaluate.metrics.bursts import bursts
from ventriloquist.evaluate.metrics.copies import copies
from ventriloquist.evaluate.metrics.diversity import diversity
from ventriloquist.evaluate.metrics.fingerprint import fingerprint
from ventriloquist.evaluate.metrics.identity import identity, identity_in_context
from ventriloquist.evaluate.metrics.indistinguishable import indistinguishable
from ventriloquist.evaluate.metrics.lengths import lengths
from ventriloquist.evaluate.metrics.likelihood import likelihood, likelihood_format
from ventriloquist.evaluate.metrics.personal import personal
from ventriloquist.evaluate.metrics.ranking import ranking
from ventriloquist.evaluate.metrics.timing import timing
from ventriloquist.evaluate.metrics.validity import validity
from ventriloquist.evaluate.metrics.voice import voice, voice_habits

OTHERS = ("nearest", "pooled", "retrieval", "shuffled", "base")

METRICS: dict[str, Metric] = {
    "validity": Metric(
        title="Valid lines",
        question="Does it keep to the format?",
        aim="more",
        minimum=30,
        takes=FreeLines,
        compute=validity,
        ceiling=1.0,
        baselines=("base",),
        bounds=(0.95, 1.0),  # trained adapters pass; a base model writes one valid line in ten
        by_person=False,
    ),
    "timing": Metric(
        title="Time deltas",
        question="When does the next message come?",
        aim="more",
        minimum=100,
        takes=ScoredLines,
        compute=timing,
        floor=0.0,
        baselines=("base", "shuffled", "habit"),
    ),
    "voice": Metric(
        title="Style match",
        question="Does it sound like them?",
        unit="points",
        aim="ceiling",
        takes=Messages,
        compute=voice,
        floor="pooled",
        ceiling="real",
        baselines=OTHERS,
        target=100.0,
    ),
    "voice_habits": Metric(
        title="Style match by words and turns",
        question="Are the words, marks and lengths theirs?",
        unit="points",
        aim="ceiling",
        takes=Messages,
        compute=voice_habits,
        floor="pooled",
        ceiling="real",
        baselines=OTHERS,
        target=100.0,
    ),
    "likelihood": Metric(
        title="Bits saved",
        question="Does it predict what they really write?",
        aim="more",
        takes=ScoredLines,
        compute=likelihood,
        floor=0.0,
    ),
    "likelihood_format": Metric(
        title="Bits saved, format known",
        question="Does it predict them better than a base model that knows the format?",
        aim="more",
        takes=FormatKnown,
        compute=likelihood_format,
        floor=0.0,
        baselines=("base",),
    ),
    "identity": Metric(
        title="True name first",
        question="Who wrote this?",
        aim="more",
        minimum=40,
        takes=NamesAlone,
        compute=identity,
        floor="shuffled",
        ceiling="ngram",
        baselines=("base", "chance"),
    ),
    "identity_in_context": Metric(
        title="True name first, in context",
        question="Who says this in this conversation?",
        aim="more",
        minimum=40,
        takes=NamesInContext,
        compute=identity_in_context,
        floor="base",
    ),
    "ranking": Metric(
        title="True message first",
        question="Which message comes next?",
        aim="more",
        takes=RankedMessages,
        compute=ranking,
        floor=0.05,
        baselines=("base",),
    ),
    "indistinguishable": Metric(
        title="Indistinguishable",
        question="Can a classifier tell it from them?",
        aim="more",
        minimum=200,
        takes=Messages,
        compute=indistinguishable,
        floor="pooled",
        ceiling="real",
        baselines=OTHERS,
        by_person=False,
    ),
    "fingerprint": Metric(
        title="Habits off",
        question="Are the small habits theirs?",
        unit="ratio",
        aim="less",
        takes=Messages,
        compute=fingerprint,
        floor="pooled",
        ceiling="real",
        baselines=OTHERS,
    ),
    "lengths": Metric(
        title="Lengths off",
        question="Are its messages as long as theirs?",
        unit="ratio",
        aim="less",
        takes=Messages,
        compute=lengths,
        floor="pooled",
        ceiling="real",
        baselines=OTHERS,
    ),
    "bursts": Metric(
        title="Messages in a row",
        question="Does it send as many messages in a row?",
        aim="ceiling",
        minimum=100,
        takes=WrittenLines,
        compute=bursts,
        ceiling=0.0,
        target=0.0,
    ),
    "copies": Metric(
        title="Copied",
        question="Does it recite its training data?",
        aim="less",
        takes=Messages,
        compute=copies,
        floor="retrieval",
        ceiling=0.0,
        baselines=("real", "base"),
        bounds=(-1.0, 0.05),
    ),
    "diversity": Metric(
        title="Diversity",
        question="Is it as varied as they are?",
        unit="ratio",
        aim="ceiling",
        takes=Messages,
        compute=diversity,
        ceiling=1.0,
        baselines=("real", *OTHERS),
        bounds=(0.8, 1.25),
    ),
    "assistant": Metric(
        title="Assistant's phrases",
        question="Does it talk like an assistant?",
        aim="less",
        takes=Messages,
        compute=assistant,
        ceiling=0.0,
        baselines=("base",),
        bounds=(-1.0, 0.02),
    ),
    "personal": Metric(
        title="Personal data",
        question="Does it write numbers and addresses?",
        aim="less",
        takes=Messages,
        compute=personal,
        ceiling=0.0,
        baselines=("real", "base"),
        bounds=(-1.0, 0.02),
    ),
}
