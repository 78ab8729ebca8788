"""Patterns for street addresses, by language: number first, number last, post box, post code.

A street without a number is not replaced.
"""

from __future__ import annotations

from ventriloquist.prepare.redact.triggers import Trigger, holding, matching, number_after
from ventriloquist.prepare.redact.words import NO_STREET_NAME, word_set

# Kinds of street, by language, with a capital like the name before them.
_ENGLISH = (
    "Street|St|Avenue|Ave|Av|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Terrace|Ter|Circle|Cir|Way|"
    "Close|Crescent|Cres|Square|Sq|Parkway|Pkwy|Highway|Hwy|Trail|Trl|Grove|Gardens|Gdns|Mews|Row|Alley|Plaza|"
    "Turnpike|Loop|Rise|Walk|Wharf|Quay|Esplanade|Parade|Marg|Nagar|Chowk|Ganj|Laneway"
)
# these are also common words, so the number must have two digits or more
_ENGLISH_RARE = (
    "Arcade|Bend|Bluff|Bridge|Brook|Burg|Bypass|Camp|Canyon|Cape|Causeway|Center|Centre|Circus|Cliff|Common|Commons|"
    "Corner|Corners|Courts|Cove|Creek|Crest|Crossing|Crossroad|Dale|Dam|Dell|Divide|Estate|Estates|Expressway|Extension|"
    "Fall|Falls|Ferry|Field|Fields|Flat|Flats|Ford|Forest|Forge|Fork|Freeway|Garden|Gateway|Glen|Green|Harbor|Harbour|"
    "Haven|Heath|Heights|Hill|Hills|Hollow|Inlet|Island|Isle|Junction|Key|Keys|Knoll|Knolls|Lake|Landing|Lock|Locks|"
    "Lodge|Lookout|Manor|Meadow|Meadows|Mill|Mills|Mission|Motorway|Mount|Mountain|Orchard|Outlook|Oval|Overpass|Park|"
    "Pass|Passage|Path|Pike|Pine|Pines|Plain|Plains|Point|Points|Port|Prairie|Ramp|Ranch|Rapids|Reach|Rest|Retreat|"
    "Ridge|River|Roadway|Route|Run|Shoal|Shoals|Shore|Shores|Skyway|Spring|Springs|Spur|Squares|Station|Stravenue|"
    "Stream|Summit|Throughway|Trace|Track|Trafficway|Triangle|Tunnel|Underpass|Union|Vale|Valley|Via|Viaduct|View|"
    "Village|Villas|Vista|Wall|Well|Wells|Wynd|Yard"
)
# these also count in lower case: after a number and a name they rarely mean something else
_ENGLISH_SMALL = "street|avenue|ave|road|rd|lane|ln|drive|boulevard|blvd|crescent|terrace|close|court"
# endings of one word: Lindenallee, Kastanjelaan, Björkgatan
_COMPOUND = (
    "straße|strasse|str\\.?|allee|gasse|chaussee|stieg|steig|ufer|damm|weg|platz|"
    "straat|laan|gracht|kade|plein|singel|steeg|dreef|dijk|boulevard|"
    "gatan|vägen|gränd|stigen|torget|backen|gata|veien|vegen|gade|vej|stræde|svingen|bakken|haugen|kroken|stubben|"
    "tunet|kollen|plassen|løkka|katu|tie|kuja"
)
# words with these endings that are not streets
_NO_STREET = (
    "parkplatz|sportplatz|spielplatz|arbeitsplatz|sitzplatz|stehplatz|stellplatz|campingplatz|fußballplatz|flugplatz|"
    "umweg|heimweg|rückweg|hinweg|feldweg|brigade|"
    "katie|bestie|sweetie|cutie|auntie|hottie|softie|scottie|lottie|dottie|hattie|bettie"  # not a Finnish tie
)
_OWN_WORD = (
    "Ring|Straße|Str\\.|Strasse|Allee|Weg|Platz|Markt|Ufer|Damm|Speicher|Hof|Berg|Graben|Wall|Tor|Allé|Plads|Torv"
)
_ROMANCE = (
    "calle|c/|C\\.|avenida|avda\\.?|paseo|plaza|callejón|camino|cañada|ronda|rambla|alameda|urbanización|pasaje|"
    "glorieta|cuesta|travesía|carrer|carretera|"
    "via|viale|piazza|piazzale|corso|largo|vicolo|strada|contrada|borgo|rotonda|salita|lungomare|"
    "rua|travessa|praça|praceta|rodovia|estrada|ladeira|jardim|loteamento|condomínio|residencial|quadra|vila|"
    "ul\\.|ulica|al\\.|aleja|pl\\.|plac|os\\.|osiedle"
)
_FRENCH = "rue|avenue|av\\.|boulevard|bd|place|impasse|allée|chemin|quai|cours|route|square|sentier|passage"
_ADDRESS = "address|addr|adresse|adressen|dirección|indirizzo|adres|endereço"

_NAME = r"(?:[A-Z][\w'’.-]{0,24}|\d{1,3}(?:st|nd|rd|th))"
_CAPITAL = r"[A-ZÀ-ÝŁŚŻŹĆ][\w'’.-]{0,24}"
_WIND = r"(?:[NSEW]|NE|NW|SE|SW)"
_UNIT = r"(?:,?[ ](?:Apt|Apartment|Unit|Suite|Ste|Flat|Floor|Fl|Room|Rm|\#)\.?[ ]?(?:[A-Z]?-?\d[\w-]{0,5}|[A-Z])(?!\w))"
_UK = r"[A-Z]{1,2}\d[A-Z\d]?[ ]\d[A-Z]{2}"
_PLACE = rf"""(?: ,?[ ](?:[A-Z][\w'’.-]{{1,24}}[ ]?){{1,3}},?[ ](?:[A-Z]{{2}}[ ]\d{{5}}(?:-\d{{4}})?|{_UK})
    | ,[ ]{_UK} | ,?[ ][A-Z]{{2}}[ ]\d{{5}}(?:-\d{{4}})? )?"""
_TOWN = rf"(?:,[ ]\d{{4,5}}(?:[ ][A-Z]{{2}})?[ ][^\W\d_][\w'’.-]{{1,30}}(?:[ -]{_CAPITAL}){{0,2}})?"  # , 04109 Leipzig
_HOUSE = r"\d{1,4}(?:[ ]?[a-zA-Z](?!\w))?(?:[-/]\d{1,4})?"
_FLOOR = r"(?:,?[ ](?:Piso|Puerta|Apt\.|Bajo|Piano|Appartamento|Interno|[Aa]pto?\.?|lok\.|m\.)[ ]?\d{1,3})?"
_NO_UNIT = r"(?![\w%€$£]|[.,:]\d|[ ]?(?i:uhr|min|minuten|euro|km|stunden|leute|mal)\b)"
_ARTICLES = r"(?:(?:de|del|della|delle|dei|dello|do|da|dos|das|di|la|las|los|les|le|du|des|el|l['’]|d['’])[ ]?){0,3}"
_SMALL_WORD = rf"(?!(?:{'|'.join(sorted(word_set(NO_STREET_NAME)))})[ ])[a-z][a-z'’]{{2,20}}"
_NOT_IN_NUMBER = r"(?<![\w$€£.,:/-])"
_NUMBER = r"\d{1,5}[A-Za-z]?(?:[-/]\d{1,4})?"


def _words(*groups: str) -> tuple[str, ...]:
    """Return the alternatives of patterns as plain lower-case words."""
    return tuple(word.replace("\\", "").strip("?").lower() for group in groups for word in group.split("|"))


# the beginning of an address with the number first: "12 N", "70/436, C"
_numbered = matching(r"\d[a-z]?,? [a-z\d]")

_with_unit = holding("apt", "apartment", "unit", "suite", "ste ", "flat", "studio", "floor", "room", "#")
_holding_romance = holding(*(f"{word} " for word in _words(_ROMANCE)))

# triggers and patterns
STREETS: tuple[tuple[Trigger, str], ...] = (
    # 221 Fennel Street, London NW9 4ZZ; Flat 2, 31 Harbour View Terrace; 70/436, Chopra Marg
    (
        _numbered,
        rf"""{_NOT_IN_NUMBER}(?P<secret>{_NUMBER},?[ ](?:{_WIND}\.?[ ])?(?:St\.?[ ])?
        (?:{_NAME}[ ]){{1,4}}(?:{_ENGLISH})\b\.?(?:[ ]{_WIND}\b)?{_UNIT}?{_PLACE})""",
    ),
    # 16 Holland Common; 6388 Carter Key Apt. 451
    (
        _numbered,
        rf"""{_NOT_IN_NUMBER}(?P<secret>\d{{2,5}}[A-Za-z]?(?:/\d{{1,4}})?[ ](?:{_NAME}[ ]){{1,3}}
        (?:{_ENGLISH_RARE})\b{_UNIT}?{_PLACE})""",
    ),
    # 12 Whatever It Is Called Apt 4
    (_with_unit, rf"{_NOT_IN_NUMBER}(?P<secret>{_NUMBER}[ ](?:{_NAME}[ ]?){{1,4}}(?<=\w){_UNIT}{_PLACE})"),
    # Flat 16K, Humphreys Square; Suite 628 543 Park Lane
    (
        _with_unit,
        rf"""(?<!\w)(?P<secret>(?:Flat|Studio|Unit|Suite|Apt\.?|Apartment)[ ]\d{{1,4}}[A-Za-z]?,?[ ]
        (?:{_NUMBER}[ ])?(?:{_NAME}[ ]){{1,3}}(?:{_ENGLISH}|{_ENGLISH_RARE})\b{_PLACE})""",
    ),
    # 14 larkspur lane
    (
        holding(*_words(_ENGLISH_SMALL)),
        rf"""{_NOT_IN_NUMBER}(?P<secret>\d{{1,5}}[a-z]?[ ](?:{_SMALL_WORD}[ ]){{1,2}}(?:{_ENGLISH_SMALL})
        (?:,?[ ](?:apt|unit|suite|flat|\#)\.?[ ]?\w{{1,6}})?)(?=[ ]*(?:[,.!?;)\n]|$))""",
    ),
    (holding("box ", "postfach"), r"(?i)(?<!\w)(?P<secret>P\.?O\.?[ ]?Box[ ]\d{1,6}|Postfach[ ]\d[\d ]{1,8}\d)(?!\w)"),
    # H.No. 087, Iyengar Chowk
    (
        holding("no. ", "no.", "h.no", "no "),
        rf"""(?<!\w)(?P<secret>(?:H\.?|House|Plot|Door)[ ]?No\.?[ ]?\d{{1,4}}(?:[/-]\d{{1,4}})?,?
        (?:[ ]{_CAPITAL}){{1,4}})""",
    ),
    (matching(r"\d[a-z\d]? \d[a-z]{2}"), rf"(?<!\w)(?P<secret>{_UK})(?!\w)"),
    # Lindenallee 14a, 04109 Leipzig; Goethestr. 27; Björkgatan 8; Kastanjelaan 52
    (
        number_after(*_words(_COMPOUND)),
        rf"""(?i)(?<![\w-])(?P<secret>(?:(?-i:[A-ZÄÖÜÅØÆ])[\w.-]{{1,24}}[ -]){{0,2}}[\w-]{{2,30}}
        (?:{_COMPOUND}){"".join(f"(?<!{word})" for word in _NO_STREET.split("|"))}[ ]
        {_HOUSE}{_TOWN}){_NO_UNIT}""",
    ),
    # Altstädter Ring 4; Am Alten Markt 3; Zinns Allé 20
    (
        number_after(*_words(_OWN_WORD)),
        rf"""(?<![\w-])(?P<secret>(?:[A-ZÄÖÜÅØÆ][\wäöüß.-]{{2,24}}[ -]){{1,3}}(?:{_OWN_WORD})
        [ ]{_HOUSE}{_TOWN}){_NO_UNIT}""",
    ),
    # calle del Olmo 23; via Garibaldi 18, Piano 2; rua das Flores, 7; ul. Polna 5/2
    (
        _holding_romance,
        rf"""(?<!\w)(?P<secret>(?i:{_ROMANCE})[ ]{_ARTICLES}(?:{_CAPITAL}[ ,]{{1,2}}(?:[ie][ ])?{_ARTICLES}){{1,4}}
        (?:n[ºo°]\.?[ ]?)?{_HOUSE}{_FLOOR}{_TOWN})(?![\w%€$£]|[.,:]\d)""",
    ),
    # 45 bis avenue Jean Moulin, 69003 Lyon
    (
        _numbered,
        rf"""{_NOT_IN_NUMBER}(?P<secret>\d{{1,4}}(?:[ ]?(?:bis|ter))?,?[ ](?i:{_FRENCH})[ ]{_ARTICLES}{_CAPITAL}
        (?:[ -](?:{_ARTICLES}{_CAPITAL})){{0,3}}{_TOWN})""",
    ),
    # address: Rose Cottage, Mill Hill 3
    (
        holding(*_words(_ADDRESS)),
        rf"""(?<!\w)(?i:{_ADDRESS})(?i:[ ]is|['’]s|[ ]ist|[ ]es|[ ]est|[ ]è|[ ]är)?:?[ ]
        (?P<secret>(?=[^\n\[\]]{{0,60}}?\d)(?=[^\n\[\]]{{0,60}}?[A-ZÀ-Ý])(?:[A-ZÀ-Ý]|\d)[^\n\[\].!?]{{4,80}}?)(?=[.!?\n\[]|$)""",
    ),
)
