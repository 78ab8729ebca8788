"""Street addresses, by the way each language writes them: number first, number last, post box, post code."""

from __future__ import annotations

import re

from ventriloquist.prepare.redact.words import NO_STREET_NAME, word_set

_SUFFIX = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Terrace|Ter|Circle|Cir|Way|"
    "Close|Crescent|Cres|Square|Sq|Parkway|Pkwy|Highway|Hwy|Trail|Trl|Grove|Gardens|Gdns|Mews|Row|Alley|Plaza|"
    "Turnpike|Loop|Rise|Walk|Wharf|Quay|Esplanade|Parade"
)
# all in small letters only these, which are rarely anything else after a number and a name
_PLAIN_SUFFIX = "street|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd|crescent|terrace|close|court"
_NORDIC_AND_DUTCH = "straat|laan|gracht|kade|plein|singel|gatan|vägen|gränd|gata|veien|vegen|gade|vej"
_ONE_WORD = "straße|strasse|str\\.?|allee|gasse|chaussee|stieg|ufer|damm|weg|platz"
_OWN_WORD = "Ring|Straße|Str\\.|Strasse|Allee|Weg|Platz|Markt|Ufer|Damm|Speicher|Hof|Berg|Graben|Wall|Tor"
_ROMANCE = (
    "calle|c/|avenida|avda\\.?|paseo|plaza|carrer|carretera|via|viale|piazza|corso|largo|vicolo|rua|travessa|praça|"
    "ul\\.|ulica|al\\."
)
_FRENCH = "rue|avenue|av\\.|boulevard|bd|place|impasse|allée|chemin|quai|cours|route|square"
_ADDRESS = "address|addr|adresse|adressen|dirección|indirizzo|adres|endereço"

_NAME = r"(?:[A-Z][\w'’.-]{0,24}|\d{1,3}(?:st|nd|rd|th))"
_CAPITAL = r"[A-ZÀ-Ý][\w'’.-]{1,24}"
_WIND = r"(?:[NSEW]|NE|NW|SE|SW)"
_UNIT = r"(?:,?[ ](?:Apt|Apartment|Unit|Suite|Ste|Flat|Floor|Fl|Room|Rm|\#)\.?[ ]?[\w-]{1,6})?"
_UK = r"[A-Z]{1,2}\d[A-Z\d]?[ ]\d[A-Z]{2}"
_PLACE = rf"""(?: ,?[ ](?:[A-Z][\w'’.-]{{1,24}}[ ]?){{1,3}},?[ ](?:[A-Z]{{2}}[ ]\d{{5}}(?:-\d{{4}})?|{_UK})
    | ,[ ]{_UK} | ,?[ ][A-Z]{{2}}[ ]\d{{5}}(?:-\d{{4}})? )?"""
_TOWN = rf"(?:,[ ]\d{{4,5}}(?:[ ][A-Z]{{2}})?[ ][^\W\d_][\w'’.-]{{1,30}}(?:[ -]{_CAPITAL}){{0,2}})?"  # , 04109 Leipzig
_HOUSE = r"\d{1,4}(?:[ ]?[a-zA-Z](?!\w))?(?:[-/]\d{1,4})?"
_NO_UNIT = r"(?![\w%€$£]|[.,:]\d|[ ]?(?i:uhr|min|minuten|euro|km|stunden|leute|mal)\b)"
_ARTICLES = r"(?:(?:de|del|della|delle|dei|dello|do|da|dos|das|di|la|las|los|les|le|du|des|el|l['’]|d['’])[ ]?){0,3}"
_SMALL_WORD = rf"(?!(?:{'|'.join(sorted(word_set(NO_STREET_NAME)))})[ ])[a-z][a-z'’]{{2,20}}"
_NOT_IN_NUMBER = r"(?<![\w$€£.,:/-])"


def _compile(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(pattern, flags | re.VERBOSE)


def _stems(*suffixes: str) -> tuple[str, ...]:
    """Return what a text must hold, in small letters, before a pattern with these words is tried."""
    return tuple(
        dict.fromkeys(word.replace("\\", "").strip("?").lower() for group in suffixes for word in group.split("|"))
    )


# the stems of a pattern, and the pattern, which says where the address is
STREETS: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    # 221 Fennel Street, London NW9 4ZZ
    (
        _stems(_SUFFIX),
        _compile(
            rf"""{_NOT_IN_NUMBER}(?P<secret>\d{{1,5}}[A-Za-z]?(?:[-/]\d{{1,4}})?[ ](?:{_WIND}\.?[ ])?(?:St\.?[ ])?
            (?:{_NAME}[ ]){{1,4}}(?:{_SUFFIX})\b\.?(?:[ ]{_WIND}\b)?{_UNIT}{_PLACE})"""
        ),
    ),
    # 14 larkspur lane
    (
        _stems(_PLAIN_SUFFIX),
        _compile(
            rf"""{_NOT_IN_NUMBER}(?P<secret>\d{{1,5}}[a-z]?[ ](?:{_SMALL_WORD}[ ]){{1,2}}(?:{_PLAIN_SUFFIX})
            (?:,?[ ](?:apt|unit|suite|flat|\#)\.?[ ]?\w{{1,6}})?)(?=[ ]*(?:[,.!?;)\n]|$))"""
        ),
    ),
    (
        ("box", "postfach"),
        _compile(
            r"(?<!\w)(?P<secret>P\.?O\.?[ ]?Box[ ]\d{1,6}|Postfach[ ]\d[\d ]{1,8}\d)(?!\w)",
            re.IGNORECASE,
        ),
    ),
    ((), _compile(rf"(?<!\w)(?P<secret>{_UK})(?!\w)")),
    # Lindenallee 14a, 04109 Leipzig; Goethestr. 27; Björkgatan 8; Kastanjelaan 52
    (
        _stems(_ONE_WORD, _NORDIC_AND_DUTCH),
        _compile(
            rf"""(?<![\w-])(?P<secret>(?:(?-i:[A-ZÄÖÜÅØÆ])[\w.-]{{1,24}}[ -]){{0,2}}[\w-]{{2,30}}
            (?:{_ONE_WORD}|{_NORDIC_AND_DUTCH})(?<!parkplatz)(?<!sportplatz)(?<!spielplatz)(?<!arbeitsplatz)
            (?<!sitzplatz)(?<!stehplatz)(?<!stellplatz)(?<!campingplatz)(?<!fußballplatz)(?<!flugplatz)
            [ ]{_HOUSE}{_TOWN}){_NO_UNIT}""",
            re.IGNORECASE,
        ),
    ),
    # Altstädter Ring 4; Am Alten Markt 3
    (
        _stems(_OWN_WORD),
        _compile(
            rf"""(?<![\w-])(?P<secret>(?:[A-ZÄÖÜ][\wäöüß.-]{{2,24}}[ -]){{1,2}}(?:{_OWN_WORD})
            [ ]{_HOUSE}{_TOWN}){_NO_UNIT}"""
        ),
    ),
    # calle del Olmo 23; via Garibaldi 18; rua das Flores, 7; ul. Polna 5
    (
        _stems(_ROMANCE),
        _compile(
            rf"""(?<!\w)(?P<secret>(?i:{_ROMANCE})[ ]{_ARTICLES}(?:{_CAPITAL}[ ,]{{1,2}}{_ARTICLES}){{1,4}}
            (?:n[ºo°]\.?[ ]?)?{_HOUSE}{_TOWN})(?![\w%€$£]|[.,:]\d)"""
        ),
    ),
    # 45 bis avenue Jean Moulin, 69003 Lyon
    (
        _stems(_FRENCH),
        _compile(
            rf"""{_NOT_IN_NUMBER}(?P<secret>\d{{1,4}}(?:[ ]?(?:bis|ter))?,?[ ](?i:{_FRENCH})[ ]{_ARTICLES}{_CAPITAL}
            (?:[ -](?:{_ARTICLES}{_CAPITAL})){{0,3}}{_TOWN})"""
        ),
    ),
    # address: Rose Cottage, Mill Hill 3
    (
        _stems(_ADDRESS),
        _compile(
            rf"""(?<!\w)(?i:{_ADDRESS})(?i:[ ]is|['’]s|[ ]ist|[ ]es|[ ]est|[ ]è|[ ]är)?:?[ ]
            (?P<secret>(?=[^\n\[\]]{{0,60}}?\d)(?:[A-ZÀ-Ý]|\d)[^\n\[\].!?]{{4,80}}?)(?=[.!?\n\[]|$)"""
        ),
    ),
)
