"""Measure how well an adapter writes like each person, on messages it never saw."""

from ventriloquist.evaluate.inference import FULL, QUICK, Extent
from ventriloquist.evaluate.metrics import METRICS
from ventriloquist.evaluate.stage import EvalPlan, Evaluation, plan, run

__all__ = ["FULL", "METRICS", "QUICK", "EvalPlan", "Evaluation", "Extent", "plan", "run"]
