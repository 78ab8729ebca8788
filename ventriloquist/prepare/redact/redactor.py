"""The redactor: apply every rule to a text, and replace what they find."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ventriloquist.prepare.redact.own import OwnRule
from ventriloquist.prepare.redact.phones import DATE, MIN_DIGITS, phone_spans
from ventriloquist.prepare.redact.rules import KINDS, RULES
from ventriloquist.prepare.redact.triggers import Trigger, holding
from ventriloquist.prepare.redact.words import PASSWORD_STEMS, PASSWORD_STEMS_BEYOND_ASCII

_DIGIT = re.compile(r"\d")
_DIGIT_OR_AT = re.compile(r"[\d@]")
_URL = re.compile(r"(?:https?://|www\.)[^\s\[\]]+", re.IGNORECASE)
_DIALLING = re.compile(r"(?:wa\.me/|tel:|sms:|phone=)$", re.IGNORECASE)
_WORD = re.compile(r"[^\s\[\]()\"“”„«»`,;]{6,64}?(?=[.!?:]*(?:[\s\[\]()\"“”„«»`,;]|$))")
_SEPARATORS = str.maketrans("", "", " -.()/\u00a0")

_holds_password = holding(*PASSWORD_STEMS)
_holds_password_beyond_ascii = holding(*PASSWORD_STEMS_BEYOND_ASCII)


class Redact(Protocol):
    """Replaces the secrets of a text, and counts them by kind."""

    def __call__(self, text: str, counts: Counter[str] | None = None) -> str: ...


class _Span(NamedTuple):
    start: int
    end: int
    kind: str


def kinds_with(own_rules: Sequence[OwnRule]) -> tuple[str, ...]:
    """Return every kind of placeholder, those of a user's own rules first."""
    return tuple(dict.fromkeys((*(rule.kind for rule in own_rules), *KINDS)))


class Redactor:
    """Replaces what its rules find, so that `redact(redact(text)) == redact(text)` for every text.

    Args:
        kinds: the placeholders to use, of `KINDS` and the own rules; None for all.
        regions: countries (ISO 3166) that a number without a country code may belong to, the likeliest first.
        own_rules: the user's own rules, which are applied first.
    """

    def __init__(
        self,
        kinds: Collection[str] | None = None,
        *,
        regions: Sequence[str] = ("US",),
        own_rules: Sequence[OwnRule] = (),
    ) -> None:
        self._rules = [rule for rule in RULES if kinds is None or rule.kind in kinds]
        self._own = [rule for rule in own_rules if kinds is None or rule.kind in kinds]
        self._phones = kinds is None or "phone" in kinds
        self._regions = tuple(regions)
        self._order = kinds_with(own_rules)
        self._placeholder = re.compile(rf"\[(?:{'|'.join(map(re.escape, self._order))})\]")
        self._known: dict[str, str] = {}
        self._clean: set[int] = set()  # hashes of texts in which `learn` found nothing

    def learn(self, texts: Iterable[str]) -> None:
        """Read texts to find their secrets, so that each secret is replaced in all of them.

        A code or a number is often recognised by the words around it, and repeated elsewhere without them.
        """
        for text in texts:
            spans = self._spans(text)
            if not spans:
                self._clean.add(hash(text))
            for start, end, kind in spans:
                if _is_telling(secret := text[start:end]):
                    key = _normal(secret)
                    # so that the kind does not depend on the order of the texts
                    self._known[key] = min(kind, self._known.get(key, kind), key=self._order.index)

    def __call__(self, text: str, counts: Counter[str] | None = None) -> str:
        """Replace the secrets of a text, and add how many there were of each kind to `counts`."""
        if not self._may_hold(text):
            return text
        # repeat: a replacement may leave another secret, such as the second number after "code"
        while spans := self._spans(text):
            text = "".join(_replaced(text, spans))
            if counts is not None:
                counts.update(span.kind for span in spans)
        return text

    def _may_hold(self, text: str) -> bool:
        """Return whether a text has what every secret has: a digit, an @, or a word for a password."""
        if self._own and any(any(True for _ in rule.spans(text)) for rule in self._own):
            return True
        if _DIGIT_OR_AT.search(text):
            return hash(text) not in self._clean or any(self._known_spans(text))
        lower = text.lower()
        return _holds_password(lower) or (not text.isascii() and _holds_password_beyond_ascii(lower))

    def _spans(self, text: str) -> list[_Span]:
        """Return the spans to replace, in order. If two overlap, known secrets win, then the earlier rule."""
        has_url = "://" in text or "www." in text.lower()
        urls = [_Span(*match.span(), "") for match in _URL.finditer(text)] if has_url else []
        taken = [_Span(*match.span(), "") for match in self._placeholder.finditer(text)] if "[" in text else []

        def take(candidates: Sequence[_Span]) -> None:
            nonlocal taken
            if candidates:
                taken = sorted((*taken, *_apart(candidates, taken)))

        take(list(self._known_spans(text)))
        for own in self._own:
            take([_Span(start, end, own.kind) for start, end in own.spans(text)])
        lower = text.lower()
        digits = len(_DIGIT.findall(text))
        fired: dict[Trigger, bool] = {}
        for rule in self._rules:
            if digits < rule.digits:
                continue
            if rule.trigger not in fired:
                fired[rule.trigger] = rule.trigger(lower)
            if not fired[rule.trigger]:
                continue
            found = [
                _Span(*match.span("secret"), rule.kind)
                for match in rule.pattern.finditer(text)
                if match["secret"] and rule.check(match["secret"])
            ]
            take(found if rule.in_urls else list(_apart(found, urls)))
        if self._phones and digits >= MIN_DIGITS:
            phones = [_Span(start, end, "phone") for start, end in phone_spans(text, self._regions)]
            outside = set(_apart(phones, urls))
            take([phone for phone in phones if phone in outside or _is_dialled(text, phone.start)])
        return [span for span in taken if span.kind]

    def _known_spans(self, text: str) -> Iterator[_Span]:
        if self._known:
            for word in _WORD.finditer(text):
                kind = self._known.get(_normal(word.group()))
                if kind:
                    yield _Span(*word.span(), kind)


def _apart(candidates: Iterable[_Span], others: Sequence[_Span]) -> Iterator[_Span]:
    """Yield the candidates that overlap none of the others. Each list is sorted, and its spans do not overlap."""
    index = 0
    for candidate in candidates:
        while index < len(others) and others[index].end <= candidate.start:
            index += 1
        if index == len(others) or others[index].start >= candidate.end:
            yield candidate


def _is_dialled(text: str, start: int) -> bool:
    """Return whether a number in a link is one to call, by the text before it."""
    return _DIALLING.search(text, max(0, start - 8), start) is not None


def _normal(secret: str) -> str:
    """Return a secret in the form in which it is compared: a number without its separators."""
    compact = secret.translate(_SEPARATORS)
    return compact if compact.removeprefix("+").isdigit() else secret


def _is_telling(secret: str) -> bool:
    """Return whether a secret can be replaced wherever it occurs: not a word, a date or a round number."""
    normal = _normal(secret)
    digits = sum(c.isdigit() for c in normal)
    if len(normal) < 6 or DATE.fullmatch(secret) or normal.endswith("000"):
        return False
    return digits >= 6 or 0 < digits < len(normal)


def _replaced(text: str, spans: Sequence[_Span]) -> Iterator[str]:
    end = 0
    for span in spans:
        yield text[end : span.start]
        yield f"[{span.kind}]"
        end = span.end
    yield text[end:]
