"""Replace secrets by typed placeholders such as [phone]."""

from ventriloquist.prepare.redact.build import build_redactor, check_kinds
from ventriloquist.prepare.redact.own import OwnRule, load_own_rules
from ventriloquist.prepare.redact.redactor import Redact, Redactor, kinds_with
from ventriloquist.prepare.redact.rules import KINDS

__all__ = ["KINDS", "OwnRule", "Redact", "Redactor", "build_redactor", "check_kinds", "kinds_with", "load_own_rules"]
