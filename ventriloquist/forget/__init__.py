"""Forgetting a person: removing their messages and what was made from them, and keeping later collects from them."""

from ventriloquist.forget.artifacts import Artifacts
from ventriloquist.forget.person import Person
from ventriloquist.forget.stage import ForgetPlan, ForgetSummary, plan, run

__all__ = ["Artifacts", "ForgetPlan", "ForgetSummary", "Person", "plan", "run"]
