"""The words around secrets, in every language that the rules cover. To add a language, add its words here."""

from __future__ import annotations

# words for a password
PASSWORD = """
    password, passwords, passphrase, passwd, pwd, pw, pword, passwort, kennwort, contraseña, contrasena, mot de passe,
    mdp, wachtwoord, lösenord, lösenordet, adgangskode, passord, passordet, senha, hasło, haslo, salasana, parola,
    şifre, пароль, 密码, 密碼, パスワード
"""  # noqa: S105  (a list of words)
# Stems: a text without one of them holds none of the words above. Few and short, because every message is searched
# for them (passwords), or every message with a digit (the others).
PASSWORD_STEMS = ("pass", "pw", "kennwort", "contrase", "mdp", "wachtw", "senha", "haslo", "salas", "parola", "adgang")
PASSWORD_STEMS_BEYOND_ASCII = ("lösen", "hasł", "şifre", "парол", "密", "パスワ")

# words for a code that opens something
CODE = """
    code, passcode, pin, pincode, otp, 2fa, mfa, tan, código, codigo, codice, kod, koden, код, 验证码, 認証コード
"""
CODE_STEMS = (
    *("code", "pin", "otp", "2fa", "mfa", "tan", "código", "codigo", "codice", "kod", "код", "验证", "認証"),
    *("cvv", "cvc", "login", "sign-in", "anmeldung", "verif", "identi", "log"),
)
# first parts of compounds such as Bestätigungscode
CODE_PREFIXES = """
    bestätigungs, sicherheits, verifizierungs, zugangs, verificatie, beveiligings, bevestigings, engangs, säkerhets
"""
# words before "code" that make it public
PUBLIC_CODES = """
    promo, discount, coupon, voucher, referral, area, zip, post, postal, dress, qr, bar, morse, country, source, error,
    status, exit, cheat, color, colour, building, use
"""

# words for a number that identifies a person to an office
ACCOUNT = """
    account, acct, acc, a/c, konto, kontonummer, kontonr, blz, bankleitzahl, routing, aba, sort code, sortcode, iban,
    bic, swift, ssn, social security, tax id, tin, itin, ein, passport, reisepass, passnummer, pasaporte, passeport,
    passaporto, licence, license, driver's licence, drivers license, licence plate, license plate, national insurance,
    ni, nhs, policy, member, membership, customer, client, patient, medicare, insurance, personalausweis, ausweis,
    steuer-id, steuerid, steuernummer, sozialversicherungsnummer, kundennummer, versicherungsnummer, cuenta, compte,
    conto, rekening, rekeningnummer, klantnummer, personnummer, cpr, dni, nie, nif, cpf, bsn, curp, clabe, aadhaar,
    pesel, codice fiscale
"""
ACCOUNT_STEMS = (
    *("acc", "a/c", "kont", "blz", "leitzahl", "rout", "aba", "sort", "iban", "bic", "swift", "ssn", "soci", "tax"),
    *("tin", "ein", "pass", "pasa", "licen", "insur", "ni", "nhs", "poli", "memb", "cust", "clie", "pati", "medic"),
    *("ausweis", "steuer", "versicher", "kunden", "cuenta", "compte", "conto", "reken", "klant", "person", "cpr"),
    *("dni", "cpf", "bsn", "curp", "clabe", "aadh", "pesel", "fiscal"),
)

# how many letters and digits the IBANs of each country have (ISO 13616 registry)
IBAN_LENGTHS = """
    NO15 BE16 DK18 FI18 FO18 GL18 NL18 SD18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 XK20 CH21 HR21 LI21 LV21 BG22 BH22
    CR22 DE22 GB22 GE22 IE22 ME22 RS22 VA22 AE23 GI23 IL23 IQ23 OM23 SO23 TL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24
    SK24 TN24 VG24 LY25 PT25 IS26 TR26 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 NI28 PL28
    SV28 BR29 EG29 PS29 QA29 UA29 JO30 KW30 MU30 YE30 MT31 SC31 LC32 RU33
"""

# what comes before a telephone number
PHONE = """
    call, ring, dial, text, txt, sms, fax, phone, fone, telephone, tel, cell, mobile, mob, landline, whatsapp, signal,
    number, num, nr, nummer, handy, handynummer, rufnummer, telefon, telefonnummer, ruf, anrufen, numero, número,
    móvil, movil, teléfono, telefono, llama, llámame, cellulare, chiama, appelle, appeler, portable, tél, bel, bellen,
    mobiel, telefoon, mobil, mobilnummer, ligar, celular, номер, телефон, 电话, 電話
"""

# words that often follow "the password is"
NO_PASSWORD = """
    a about again all already also always an any asked backwards bad because been before being better blank broken by
    cached case changed changing correct default different disabled displayed down due dumb easy encrypted enforced
    enough expired expiring fine for forgotten from funny going gone good hard hashed here hidden hilarious i if
    impossible in incorrect insane insecure invalid is it just kept known leaked literally locked long longer lost
    mandatory missing my needed never no nonexistent not nothing now ok okay old on one only optional or our outdated
    over pretty private probably protected public really rejected remembered required reset resetting right safe same
    saved secret secure sent set shared short shorter simple so something somewhere still stolen stored strong stupid
    super sure temporary terrible that the their there this to too top unknown unique updated useless valid very
    visible was way weak what whatever where which why with working would written wrong yet you your yours
    aber alt anders auch bei das dein der die doch ein eine einfach falsch geheim gespeichert gleich ich immer im in
    jetzt kein leider mein nicht noch nur richtig schon sicher sehr weg wie wieder zu
    aquí el en es esta incorrecta la mal mi muy no nueva otra que secreta sin su tu una vieja
    c'est dans de du elle en est faux incorrect le les ma mal mauvais ne nouveau oublié pas plus sur ta toujours trop
    un che di diversa è errata nella non nuova più sbagliata segreta sempre sul una
    al de een fout het is kwijt mijn niet nog ook onjuist op te van verlopen weer
"""  # noqa: S105  (a list of words)

# words that are not part of a street's name in lower-case text
NO_STREET_NAME = """
    a about across after again all along am an and any are as at away back be because before behind big blocks both
    but by came can city close coming couple cross crossing day days different dirt down drive drove each end every
    few first for foot from front get go going good got had has have he her here his hour hours house houses i if in
    into is it its just km kms last left like little long lots main mi mile miles min mins minute minutes more my near
    next nice of off old on one onto only open or other our out over past people per quiet right said same she side
    single small so some steps stop street streets that the their them then there these they this those through till
    times to too turn turns two until up us very via walk walking was way we week weeks went were what when where
    which while whole will with year years yards you your
    hard flash usb disk mini thumb external internal gig gb tb rpm ssd dvd cd floppy test zip hdd disc
"""


def alternatives(phrases: str) -> str:
    """Return a verbose regular expression for any of some phrases, which commas separate."""
    return "|".join(phrase.strip().replace(" ", "[ ]") for phrase in phrases.split(","))


def word_set(words: str) -> frozenset[str]:
    """Split words at white space."""
    return frozenset(words.split())
