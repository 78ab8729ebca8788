"""The table of rules: each is a pattern, and its group `secret` is replaced.

Every repetition is bounded, or can start at one place only. So the time grows in proportion to the length of a text.
Patterns are verbose: a space is written `[ ]`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from ventriloquist.prepare.redact import words
from ventriloquist.prepare.redact.checks import has_digits, is_card, is_iban, is_password, is_strong, is_strong_password
from ventriloquist.prepare.redact.streets import STREETS
from ventriloquist.prepare.redact.triggers import Trigger, always, holding
from ventriloquist.prepare.redact.words import alternatives, word_set
from ventriloquist.transcript import SECRETS

KINDS = SECRETS


class Rule(NamedTuple):
    """A pattern for a secret.

    Attributes:
        kind: of the placeholder.
        digits: texts with fewer digits are skipped.
        trigger: a cheap test of the lower-case text, made before the pattern is tried.
        pattern: has a group `secret`.
        check: a test of the secret alone.
        in_urls: whether a secret inside a link is replaced, too.
    """

    kind: str
    digits: int
    trigger: Trigger
    pattern: re.Pattern[str]
    check: Callable[[str], bool]
    in_urls: bool


def _rule(
    kind: str,
    digits: int,
    trigger: Trigger,
    pattern: str,
    check: Callable[[str], bool] = lambda _secret: True,
    *,
    in_urls: bool = False,
    flags: int = re.IGNORECASE,
) -> Rule:
    return Rule(kind, digits, trigger, re.compile(pattern, flags | re.VERBOSE), check, in_urls)


# each country has its own length; without it, the next word could look like one more group
_IBAN = "|".join(
    rf"{entry[:2]}\d\d(?:[ -]?[A-Z0-9]){{{int(entry[2:]) - 4}}}" for entry in sorted(word_set(words.IBAN_LENGTHS))
)
_PASSWORD_NAME = rf"(?<![^\W\u3040-\u30ff\u3400-\u9fff])(?:{alternatives(words.PASSWORD)})"
_PASSWORD = holding(*words.PASSWORD_STEMS, *words.PASSWORD_STEMS_BEYOND_ASCII)
_PASS = holding("pass")
_ACCOUNT = holding(*words.ACCOUNT_STEMS)
_CODE = holding(*words.CODE_STEMS)
_ACCOUNT_NAME = rf"(?<!\w)(?:{alternatives(words.ACCOUNT)})"
_CODE_NAME = rf"(?:(?:{alternatives(words.CODE_PREFIXES)})-?)?(?:{alternatives(words.CODE)})"

_POSSESSIVE = r"['’]s[ \t]+"  # the code's 4471: right after the word only
# between the word and the secret: "… for the wifi upstairs", then "is", a colon, an arrow
_BETWEEN = r"(?:[ \t]+(?!(?:is|are|ist|es|est|è|är|er)\b)[\w'’./&+-]{1,20}){0,5}?"
_IS = r"""(?: [ \t]*(?:[:=→>：＝是为為は]|->|=>)\s*
    | [ \t]+(?:is|was|ist|lautet|war|es|est|è|är|er|é|jest|to|zu|auf|a)
      (?:[ \t]+(?:still|now|immer[ ]noch|jetzt|ahora|maintenant|ora))?[ \t]*:?\s+ )"""
_QUOTES = r"\"“”„«»`"
# a password does not include the full stop or comma after it
_WIDE_STOPS = "，。！？；、）"
_WORD = rf"[^\s\[\]{_QUOTES}{_WIDE_STOPS}]{{2,64}}?(?=[.,;:?)]*(?:\s|$|[\[\]{_QUOTES}{_WIDE_STOPS}]))"
_END_OF_NUMBER = r"(?![\w%€$£]|[.,:/-]\d)"
_CODE_VALUE = rf"""
    (?: [A-Z]-\d{{4,8}} | \d{{3}}[ -]\d{{3}} | \d\d[ -]\d\d[ -]\d\d | \d{{4}}[ -]\d{{4}} | \d{{4,10}}[#*]?
    | [#*]\d{{3,8}}[#*]?
    | (?=[A-Z0-9-]{{4,12}}(?![\w-]))(?=[A-Z-]*\d)(?=[\d-]*[A-Z])(?-i:[A-Z0-9]{{1,8}}(?:-[A-Z0-9]{{1,6}}){{0,2}}) )
    {_END_OF_NUMBER}"""
_UNITS = "lines|files|times|people|dollars|bucks|euros?|pounds|km|miles|steps|words|years|views|points|k"
_LONG_CODE = rf"(?:[A-Z]-\d{{5,8}} | \d{{3}}[ -]\d{{3}} | \d{{5,8}}){_END_OF_NUMBER}(?![ ]?(?:{_UNITS})\b)"
_SECRET_CODE = (
    rf"(?<![\w-])(?={_CODE_NAME}(?!\w))"  # first, since the look-behinds cost more
    + "".join(rf"(?<!\b{word}[ ])(?<!\b{word}-)" for word in alternatives(words.PUBLIC_CODES).split("|"))
    + _CODE_NAME
)
_BEFORE_NUMBER = r"(?<![\w$€£.,:/-])"
_AS = "is|ist|es|est|è|är|er|to|as|als|como|comme"

RULES: tuple[Rule, ...] = (
    _rule(
        "email",
        0,
        holding("@"),
        r"(?<![\w.+%-])(?P<secret>[\w.!\#$%&'*+=?^{|}~-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_][\w-]{1,23})(?![\w@])",
        in_urls=True,
    ),
    # API keys
    _rule(
        "password",
        1,
        holding("sk-", "gh", "akia", "asia", "xox", "aiza", "glpat", "eyj", "hf_"),
        r"""(?<![\w-])(?P<secret> sk-[\w-]{16,200} | gh[pousr]_\w{20,100} | github_pat_\w{20,100}
        | (?:AKIA|ASIA)[A-Z0-9]{16} | xox[abprs]-[\w-]{10,100} | AIza[\w-]{30,50} | glpat-[\w-]{20}
        | eyJ[\w-]{10,2000}\.eyJ[\w-]{5,4000}\.[\w-]{5,2000} | hf_[A-Za-z0-9]{20,60} )(?![\w-])""",
        flags=0,
        in_urls=True,
    ),
    _rule("account", 10, always, rf"(?=[A-Z]{{2}}\d\d)(?<!\w)(?P<secret>{_IBAN})(?!\w)", is_iban),
    _rule(
        "card",
        19,
        always,
        r"""(?<![\w.,/+-])(?<!\d[ ])(?P<secret>\d{4}(?P<a>[ .\u00a0-])\d{4}(?P=a)\d{4}(?P=a)\d{4}(?P=a)\d{3})
        (?!\d|[ -]\d|[.,/]\d)""",
        is_card,
    ),
    _rule(
        "card",
        12,
        always,
        r"""(?=\d{4})(?<![\w.,/+-])(?<!\d[ ])(?P<secret> \d{12,19}
        | \d{4}(?P<a>[ .\u00a0-])\d{4}(?P=a)\d{4}(?P=a)\d{1,4}
        | \d{4}(?P<b>[ .\u00a0-])\d{6}(?P=b)\d{4,5} )(?!\d|-\d|[.,]\d)""",
        is_card,
    ),
    # a social security number of the United States
    _rule("account", 9, always, r"(?<![\w-])(?P<secret>(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4})(?![\w-])"),
    _rule(
        "account",
        5,
        _ACCOUNT,
        rf"""{_ACCOUNT_NAME}(?!\w)(?:['’]s)?(?:[ ]?(?:number|num|no|nr|nº|n°|id|\#|code)\.?(?:['’]s)?)?
        (?:[ ]?(?:is|ist|:|=|es|est|è|är)[ ]?)?[ ]?
        (?P<secret>[A-Z]{{0,4}}[ -]?\d[A-Z0-9]{{0,20}}(?:[ /.-][A-Z]{{0,3}}\d[A-Z0-9]{{0,11}}){{0,6}})
        (?![\w%€$£]|[.,:]\d)""",
        has_digits(5),
    ),
    _rule(
        "password",
        0,
        _PASSWORD,
        rf"{_PASSWORD_NAME}(?:{_POSSESSIVE}|{_BETWEEN}{_IS})[{_QUOTES}'](?P<secret>[^\n\[\]{_QUOTES}]{{3,80}}?)[{_QUOTES}']",
        in_urls=True,
    ),
    _rule(
        "password",
        0,
        _PASSWORD,
        rf"{_PASSWORD_NAME}(?:{_POSSESSIVE}|{_BETWEEN}{_IS}|[ \t]*[,/]?[ \t]+)(?P<secret>{_WORD})",
        is_strong_password,
    ),
    _rule(
        "password", 0, _PASSWORD, rf"{_PASSWORD_NAME}[ \t]*[:=：＝][ \t]*(?P<secret>{_WORD})", is_password, in_urls=True
    ),
    _rule(
        "password",
        6,
        _PASSWORD,
        rf"{_PASSWORD_NAME}(?:{_POSSESSIVE}|{_BETWEEN}{_IS}|[ \t]+)(?P<secret>\d{{6,20}}){_END_OF_NUMBER}"
        rf"(?![ ]?(?:{_UNITS}|seconds|users|accounts)\b)",
    ),
    # plain letters are a password only at the end of a sentence, and not in a language without spaces
    _rule(
        "password",
        0,
        _PASSWORD,
        rf"""{_PASSWORD_NAME}(?:{_POSSESSIVE}|{_BETWEEN}{_IS})(?P<secret>(?:(?![\u3040-\u30ff\u3400-\u9fff])[^\W\d_]){{4,40}})
        (?=[ \t]*(?:[.,;!)\n] | $ | (?:all|in|no|with)[ ](?:lower|caps|small|capital|upper|one[ ]word)
        | one[ ]word | lowercase))""",
        is_password,
    ),
    _rule(
        "password", 0, _PASS, rf"(?<!\w)pass(?:[ \t]*[:=][ \t]*|[ \t]+is[ \t]+|[ \t]+)(?P<secret>{_WORD})", is_strong
    ),
    _rule(
        "password",
        0,
        _PASSWORD,
        rf"""(?<![^\s{_QUOTES}'(])(?P<secret>{_WORD})[ \t]+(?:is|ist|es|est|è|for|as|als|für|para|pour)[ \t]+
        (?:[\w'’]{{1,12}}[ \t]+){{1,4}}{_PASSWORD_NAME}(?!\w)""",
        is_strong,
    ),
    _rule(
        "code",
        2,
        _CODE,
        rf"{_SECRET_CODE}(?:{_POSSESSIVE}|{_BETWEEN}{_IS}|[ \t]+|[ \t]*[:\#=-][ \t]*)(?P<secret>{_CODE_VALUE})",
    ),
    _rule("code", 2, _CODE, r"(?<!\w)(?:cvv|cvc|cv2)\d?[ \t]*(?:is|:|=)?[ \t]*(?P<secret>\d{3,4})(?!\w)"),
    _rule("code", 2, _CODE, r"(?<!\w)use[ ](?:the[ ])?code[ ](?P<secret>\d{4,8})(?!\w)"),
    # five or more digits near the word are nearly always a code
    _rule("code", 2, _CODE, rf"{_SECRET_CODE}[^\d\n\[\]]{{0,40}}?(?<![\w$€£.,/-])(?P<secret>{_LONG_CODE})"),
    _rule(
        "code",
        2,
        _CODE,
        rf"""{_BEFORE_NUMBER}(?P<secret>{_LONG_CODE}|\d{{4}})[ ](?:{_AS})[ ]
        (?:(?!code)[\w'’-]{{1,20}}[ ]){{0,5}}?(?:{_CODE_NAME}|login|sign-in|anmeldung)(?!\w)""",
    ),
    _rule(
        "code",
        2,
        _CODE,
        rf"{_BEFORE_NUMBER}(?P<secret>{_LONG_CODE})[^\d\n\[\]]{{1,40}}?(?<!\w)(?:otp|2fa|mfa|passcode)(?!\w)",
    ),
    _rule(
        "code",
        2,
        _CODE,
        rf"""(?<!\w)(?:use|enter|verwende|gib|introduce|saisissez)[ ](?P<secret>{_CODE_VALUE})[ ]
        (?:to|as|for|zum|als|para|pour)[ ](?:\w+[ ]){{0,2}}(?:your[ ])?(?:\w+[ ])?
        (?:sign|log|verif|identi|account)""",
    ),
    *(_rule("address", 1, trigger, pattern, flags=0) for trigger, pattern in STREETS),
)
