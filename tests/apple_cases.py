"""Every case that a chat.db can hold, with what is to become of it beside it."""

from __future__ import annotations

import plistlib
from collections.abc import Callable
from dataclasses import dataclass

from apple import ME, Chat, ChatDb, MacCard, nanoseconds
from apple_bodies import FILE, GLYPH, MENTION, ONE_TIME_CODE, PART, TRANSCRIPTION, attributed, body

T = 1_700_000_000_000  # Unix milliseconds
MINUTE = 60_000
DAY = 86_400_000

OWNER = "Robin Vale"
ANNA, ANNA_MAIL, BEN, CARL, LANDLINE = (
    "+12505550111",
    "anna@example.com",
    "+12505550112",
    "+12505550113",
    "+12505550120",
)
ALEX_ONE, ALEX_TWO, NOBODY, SHORT, SHOP, SENDER = (
    "+12505550131", "+12505550132", "+12505550140", "72975", "urn:biz:0001-0002", "PARCELS",
)  # fmt: skip

CARDS = [
    MacCard("Robin", "Vale", ["(250) 555-0100"], ["robin@example.com"], is_me=True),
    MacCard("Anna", "Lee", ["(250) 555-0111"], ["Anna@Example.com"]),
    MacCard("Ben", None, ["+1 250 555 0112"], nickname="Benny"),
    MacCard("Carl", "Dunn", ["250-555-0113", "250.555.0120"]),
    MacCard("Dora", "Dunn", ["1 250 555 0120"]),
    MacCard("Alex", "Kim", ["250 555 0131"]),
    MacCard("Alex", "Kim", ["250 555 0132"]),
    MacCard("Never", "Seen", ["250 555 0199"]),
]


@dataclass(frozen=True)
class Text:
    """A row of text_messages."""

    conversation: str  # of a dm whom it is with, of a group its title
    sender: str | None
    text: str | None
    at: int
    edited: int = 0
    flags: str = ""
    reply: tuple[str, str] | None = None
    service: str = "iMessage"
    subject: str | None = None
    attachments: tuple[tuple[str | None, str | None, str | None], ...] = ()


@dataclass(frozen=True)
class Reaction:
    """A row of reactions."""

    target: str
    person: str | None
    kind: str
    emoji: str | None = None


@dataclass(frozen=True)
class Skipped:
    """A row of skipped."""

    reason: str


Outcome = Text | Reaction | Skipped


class Cases:
    """Writes a case a call, each a minute after the last, and notes what is to come of it."""

    def __init__(self, db: ChatDb) -> None:
        self.db = db
        self.expected: dict[str, Outcome] = {}
        self.names: dict[str, str] = {}
        self.at = T

    def __call__(
        self,
        name: str,
        chat: Chat | list[Chat] | None,
        outcome: Outcome | Callable[[int], Outcome],
        text: str | None = None,
        **columns: object,
    ) -> str:
        at = int(columns.pop("at", self.at + MINUTE))  # type: ignore[call-overload]
        self.at = max(self.at, at)
        guid = self.db.message(chat, at, text, **columns)  # type: ignore[arg-type]
        self.expected[guid] = outcome(at) if callable(outcome) else outcome
        self.names[guid] = name
        return guid


def write_cases(db: ChatDb) -> Cases:
    """Write every case that the database's schema can hold."""
    case = Cases(db)
    anna, ben = db.dm(ANNA), db.dm(BEN)
    trip = db.group("chat100", [ANNA, BEN], "Trip", group_id="GROUP-1")
    _bodies(case, anna)
    _senders(case, anna, trip)
    _not_messages(case, anna, trip)
    _tapbacks(case, ben, trip)
    _attachments(case, ben)
    _text_tapbacks(case)
    _edits(case, ben)
    _people(case)
    _groups(case, trip)
    _notes_to_self(case)
    _dates(case, anna)
    return case


def said(conversation: str, sender: str | None, text: str | None, **rest: object) -> Callable[[int], Text]:
    return lambda at: Text(conversation, sender, text, at, **rest)  # type: ignore[arg-type]


def _bodies(case: Cases, chat: Chat) -> None:
    def anna(text: str, **rest: object) -> Callable[[int], Text]:
        return said("Anna Lee", OWNER, text, **rest)

    texts = [
        "hi",
        "Straße 北京 🙂‍↕️ e\u0301",
        "  kept  \n\n as it is\t",
        "\u2028 \x85 \x00 \u202e",
        "x" * 127,
        "x" * 128,
    ]
    texts += ["é" * 200, "y" * 32_767, "z" * 32_768, "🙂" * 20_000, "streamtyped NSString\x01\x94\x84\x01+\x05"]
    for text in texts:
        case(f"a text of {len(text)}: {text[:8]!r}", chat, anna(text), text)
        case("the same, immutable", chat, anna(text), blob=body(text, mutable=False))
    case("column only", chat, anna("old row"), column_text="old row")
    case("the body wins", chat, anna("in the body"), "in the body", column_text="in the column")
    case("damaged body, text there", chat, anna("saved"), blob=body("lost")[:70], column_text="saved")
    case("damaged body alone", chat, Skipped("undecodable"), blob=body("lost lost lost")[:100])
    case("no typedstream", chat, Skipped("undecodable"), blob=b"\x00" * 40)
    case("attributes cut off", chat, anna("whole"), blob=body("whole")[:-60])
    case("lone surrogate", chat, anna("a\ufffdb"), blob=body("a\ud83db"))
    case("slots", chat, anna("around"), blob=body("\ufffcaro\ufffdund"))
    case("nothing but slots", chat, Skipped("empty"), blob=body("\ufffc\ufffd"))
    case("no text at all", chat, Skipped("empty"))
    case("empty body", chat, Skipped("empty"), blob=body(""))
    case("mention", chat, anna("hey @Anna look"), blob=body("hey @Anna look", **{MENTION: ANNA}))
    case(
        "one-time code",
        chat,
        Skipped("one_time_code"),
        blob=body("Your code is 111222", **{ONE_TIME_CODE: {"code": "111222"}}),
    )
    tagged = body("Your code is 333444", **{ONE_TIME_CODE: {"code": "333444"}})
    damaged = tagged.replace(b"\x86\x84\x02iI", b"\x00\x84\x02iI", 1)  # the text's end
    case("one-time code, damaged body", chat, Skipped("one_time_code"), blob=damaged, column_text="code 333444")
    case("somebody writes that name", chat, anna(ONE_TIME_CODE), ONE_TIME_CODE)
    case("subject apart", chat, anna("below", subject="Above"), "below", subject="Above")
    url = "https://example.com/?q=1"
    case("link", chat, anna(url), url, balloon_bundle_id="com.apple.messages.URLBalloonProvider")
    game = {"balloon_bundle_id": "com.apple.messages.MSMessageExtensionBalloonPlugin:0000000000:com.example.game"}
    case("game", chat, Skipped("empty"), blob=body("\ufffd"), **game)


def _senders(case: Cases, anna: Chat, trip: Chat) -> None:
    case("hers", anna, said("Anna Lee", "Anna Lee", "mine"), "mine", sender=ANNA)
    sms, mail = case.db.dm(ANNA, "SMS"), case.db.dm(ANNA_MAIL, prefix="any")
    case("by SMS", sms, said("Anna Lee", "Anna Lee", "green", service="SMS"), "green", sender=ANNA, service="SMS")
    case("by mail", mail, said("Anna Lee", "Anna Lee", "blue"), "blue", sender=ANNA_MAIL)
    case("no sender, in a dm the other", anna, said("Anna Lee", "Anna Lee", "who"), "who", handle_id=0, is_from_me=0)
    case("no sender, in a group unknown", trip, said("Trip", None, "who"), "who", handle_id=0, is_from_me=0)
    case("unknown handle row", trip, said("Trip", None, "whose"), "whose", handle_id=9999, is_from_me=0)
    case("mine carry her handle", anna, said("Anna Lee", OWNER, "to her"), "to her", handle_id=case.db.handle(ANNA))
    case("failed", anna, said("Anna Lee", OWNER, "lost", flags="failed"), "lost", error=22)
    case("hers with an error", anna, said("Anna Lee", "Anna Lee", "odd"), "odd", sender=ANNA, error=1)
    spam = "spam" if case.db.has("message", "is_spam") else ""
    case("spam", anna, said("Anna Lee", "Anna Lee", "buy", flags=spam), "buy", sender=ANNA, is_spam=1)
    for action in range(6):
        flags = "spam" if 2 <= action <= 4 and case.db.has("message", "filter_action") else ""
        hers = said("Anna Lee", "Anna Lee", "offer", flags=flags)
        case(f"filter_action {action}", anna, hers, "offer", sender=ANNA, filter_action=action, filter_sub_action=1)
    target = case("a target", trip, said("Trip", "Ben", "how are you"), "how are you", sender=BEN)
    has_replies = case.db.has("message", "thread_originator_guid")
    case(
        "inline reply", trip, said("Trip", OWNER, "fine", reply=(target, "0:0:11") if has_replies else None), "fine",
        thread_originator_guid=target, thread_originator_part="0:0:11", reply_to_guid="not this one",
    )  # fmt: skip
    case("internal chaining is no reply", trip, said("Trip", OWNER, "next"), "next", reply_to_guid=target)
    case("in two chats", [trip, anna], said("Anna Lee", OWNER, "twice"), "twice")


def _not_messages(case: Cases, anna: Chat, trip: Chat) -> None:
    for kind in range(1, 7):
        case(f"item_type {kind}", trip, Skipped("event"), "Robin named it Trip", item_type=kind)
    case("in no chat", None, Skipped("no_chat"), "lonely")
    for keep_join in (False, True):
        if case.db.has("chat_recoverable_message_join", "message_id"):
            guid = case("recently deleted", anna, Skipped("recently_deleted"), "gone")
            case.db.delete_lately(guid, anna, keep_join=keep_join)
    case(
        "poll vote", trip, Skipped("poll_vote"), "voted", associated_message_type=4000, associated_message_guid="p:0/X"
    )
    case("what may come", trip, Skipped("unknown_association"), "?", associated_message_type=2999)
    case("of an app, typed", anna, said("Anna Lee", OWNER, "typed"), "typed", associated_message_type=3)


def _tapbacks(case: Cases, ben: Chat, trip: Chat) -> None:
    kinds = ["love", "like", "dislike", "laugh", "emphasize", "question", "emoji", "sticker"]
    has_emoji = case.db.has("message", "associated_message_emoji")

    def react(
        name: str, target: str, code: int, outcome: Outcome, *, sender: str | None = BEN, **columns: object
    ) -> None:
        guid = columns.pop("prefix", "p:0/") + target  # type: ignore[operator]
        prose = "Loved “what a person said”"
        columns = {"associated_message_guid": guid, "associated_message_type": code, **columns}
        case(name, trip, outcome, prose, sender=sender, **columns)

    for number, kind in enumerate(kinds):
        target = case(f"liked by {kind}", trip, said("Trip", OWNER, kind), kind)
        emoji = "🔥" if kind == "emoji" else None
        expected = Reaction(target, "Ben", kind, emoji if has_emoji else None)
        react(kind, target, 2000 + number, expected, associated_message_emoji=emoji)
        react(f"{kind}, mine", target, 2000 + number, Reaction(target, OWNER, kind), sender=None)
    target = case("a balloon", trip, said("Trip", OWNER, "b"), "b")
    react("on a balloon", target, 2001, Reaction(target, "Ben", "like"), prefix="bp:")
    react("on another part", target, 2002, Reaction(target, "Ben", "dislike"), prefix="p:3/")
    react("sticker placed", target, 1000, Reaction(target, "Ben", "sticker"))
    react("a second sticker", target, 1000, Reaction(target, "Ben", "sticker"))
    react("unknown", target, 2003, Reaction(target, None, "laugh"), sender=None, is_from_me=0, handle_id=0)
    react("no target", "", 2000, Skipped("reaction_without_target"), prefix="")
    target = case("taken back", trip, said("Trip", OWNER, "c"), "c")
    react("to be taken back", target, 2000, Skipped("reaction_removed"))
    react("another kind stays", target, 2001, Reaction(target, "Ben", "like"))
    react("another person stays", target, 2000, Reaction(target, "Anna Lee", "love"), sender=ANNA)
    react("the taking back, of another part", target, 3000, Skipped("reaction_removed"), prefix="p:1/")
    target = case("again and again", trip, said("Trip", OWNER, "d"), "d")
    react("first", target, 2000, Skipped("reaction_superseded"))
    react("second", target, 2000, Skipped("reaction_removed"))
    react("taken back", target, 3000, Skipped("reaction_removed"))
    react("third", target, 2000, Reaction(target, "Ben", "love"))
    react("from long before, in a later row", target, 3000, Skipped("reaction_removed"), at=T - DAY)
    unseen = "00000000-0000-4000-8000-00000000FFFF"
    react("to a message that is not there", unseen, 2000, Reaction(unseen, "Ben", "love"))
    in_dm = case("in a dm", ben, said("Ben", OWNER, "e"), "e")
    columns = {"associated_message_guid": f"p:0/{in_dm}", "associated_message_type": 2000}
    case("no sender, in a dm the other", ben, Reaction(in_dm, "Ben", "love"), "L", is_from_me=0, handle_id=0, **columns)


def _text_tapbacks(case: Cases) -> None:
    """By SMS, as texts."""
    sms = case.db.dm(CARL, "SMS")

    def carl(text: str) -> Callable[[int], Text]:
        return said("Carl Dunn", "Carl Dunn", text, service="SMS")

    def text(name: str, outcome: Outcome | Callable[[int], Outcome], written: str) -> str:
        return case(name, sms, outcome, written, sender=CARL, service="SMS")

    target = case(
        "by SMS", sms, said("Carl Dunn", OWNER, "see you at ten", service="SMS"), "see you at ten", service="SMS"
    )
    text("liked in English", Reaction(target, "Carl Dunn", "like"), "Liked “see you at ten”")
    text("loved in German", Skipped("reaction_removed"), "„see you at ten“ ein Herz hinzugefügt")
    text("taken back in French", Skipped("reaction_removed"), "A retiré son « J’adore » de « see you at ten »")
    text(
        "by Google Messages",
        Reaction(target, "Carl Dunn", "emoji", "👍"),
        "\u200a\u200b👍\u200b to “\u200asee you…\u200a”\u200a",
    )
    text("quotes nothing", carl("Liked “see you at nine”"), "Liked “see you at nine”")
    text("an image, of which there is none", carl("Loved an image"), "Loved an image")


def _attachments(case: Cases, chat: Chat) -> None:
    slot = body("\ufffc", **{FILE: "at_0_X"})

    def photo(
        name: str, text: str | None, blob: bytes | None, *files: tuple[str | None, str | None, str | None]
    ) -> str:
        return case(name, chat, said("Ben", OWNER, text, attachments=files), blob=blob)

    heic = ("image/heic", "IMG_1.HEIC", None)
    case.db.attach(photo("photo alone", None, slot, heic), *heic[:2])
    both = attributed([("\ufffc", {PART: 0, FILE: "at_0_X"}), ("look", {PART: 1})])
    case.db.attach(photo("photo and text", "look", both, heic), *heic[:2])
    pdf = ("application/pdf", "a/b.pdf", None)
    guid = photo("two, in order", None, body("\ufffc\ufffc"), heic, pdf)
    case.db.attach(guid, *heic[:2])
    case.db.attach(guid, *pdf[:2])
    guid = photo("named by its path", None, slot, (None, "movie.mov", None))
    case.db.attach(guid, None, None, filename="~/Library/Messages/Attachments/aa/movie.mov")
    voice = ("audio/x-m4a", "Audio Message.m4a", "call me back")
    guid = photo("voice", None, body("\ufffc", **{FILE: "at", TRANSCRIPTION: "call me back"}), voice)
    case.db.attach(guid, *voice[:2])
    url = "https://example.com"
    guid = case("link with its preview", chat, said("Ben", OWNER, url), url)
    case.db.attach(guid, None, "A1B2.pluginPayloadAttachment")
    guid = case("preview alone", chat, Skipped("empty"), blob=body("\ufffd"))
    case.db.attach(guid, None, "A1B3.pluginPayloadAttachment")
    guid = case("hidden alone", chat, Skipped("empty"), blob=slot)
    case.db.attach(guid, "image/png", "x.png", hide_attachment=1)
    guid = case("sticker on a message", chat, Reaction("T" * 36, "Ben", "sticker"), sender=BEN, blob=slot,
                associated_message_type=2007, associated_message_guid="p:0/" + "T" * 36)  # fmt: skip
    case.db.attach(guid, "image/heic", "sticker.heic", is_sticker=1)
    guid = photo("type unknown, known to Apple", None, slot, ("application/octet-stream", "rec", None))
    case.db.attach(guid, "application/octet-stream", "rec", uti="com.apple.coreaudio-format")
    guid = photo("a sticker alone", None, slot, ("image/heic", "s.heic", None))
    case.db.attach(guid, "image/heic", "s.heic", is_sticker=1)
    within = attributed([("so ", {PART: 0}), ("\ufffc", {PART: 0, FILE: "at_0_X", GLYPH: 1}), ("good", {PART: 0})])
    guid = photo("a Genmoji within a text", "so good", within)
    case.db.attach(guid, "image/heic", "g.heic", is_sticker=1, emoji_image_short_description="a cat")
    guid = case("undecodable with a photo", chat, said("Ben", OWNER, None, attachments=(heic,)), blob=b"\x04\x0bstream")
    case.db.attach(guid, *heic[:2])


def _summary(versions: dict[str, list[str]], unsent: list[int], parts: int | None) -> bytes:
    edited = {
        part: [{"d": 700_000_000.0 + number, "t": body(text)} for number, text in enumerate(texts)]
        for part, texts in versions.items()
    }
    summary: dict[str, object] = {"ust": True}
    if edited:
        summary["ec"] = edited
    if unsent:
        summary["rp"] = unsent
    if parts is not None:
        summary["otr"] = {str(part): {"lo": part, "le": 1} for part in range(parts)}
    return plistlib.dumps(summary, fmt=plistlib.FMT_BINARY)


def _edits(case: Cases, chat: Chat) -> None:
    def ben(text: str | None, edited: int = 1, **rest: object) -> Callable[[int], Text]:
        return said("Ben", OWNER, text, edited=edited, **rest)

    dated = {"date_edited": nanoseconds(T)}
    has_dates = int(case.db.has("message", "date_edited"))
    edit = _summary({"0": ["frist", "first"]}, [], 1)
    case("edited", chat, ben("first"), "first", message_summary_info=edit, **dated)
    case("edited, no date", chat, ben("first"), "first", message_summary_info=edit, date_edited=0)
    case("edited, no body", chat, ben("first"), message_summary_info=edit, **dated)
    case("edited, no body but a column", chat, ben("first"), message_summary_info=edit, column_text="frist")
    two = _summary({"0": ["a", "A "], "1": ["b", "B"]}, [], 2)
    case("two parts edited, no body", chat, ben("A B"), message_summary_info=two)
    case("date alone", chat, ben("dated", has_dates), "dated", **dated)
    case("date of nothing", chat, ben("plain", 0), "plain", date_edited=0, date_retracted=None)
    xml = plistlib.dumps({"ec": {"0": [{"d": 1.0, "t": body("as xml")}]}}, fmt=plistlib.FMT_XML)
    case("an XML list", chat, ben("as xml"), message_summary_info=xml)
    case("summary without a change", chat, ben("s", 0), "s", message_summary_info=_summary({}, [], 1))
    case("damaged summary", chat, ben("d", 0), "d", message_summary_info=edit[:40])
    unsent = _summary({}, [0], 1)
    case("unsent", chat, Skipped("unsent"), message_summary_info=unsent, date_retracted=nanoseconds(T), part_count=0)
    case("unsent, parts unknown", chat, Skipped("unsent"), message_summary_info=_summary({}, [0], None))
    case("edited, then unsent", chat, Skipped("unsent"), message_summary_info=_summary({"0": ["x", "y"]}, [0], 1))
    case("unsent in part", chat, ben("stays"), "stays", message_summary_info=_summary({}, [1], 2), **dated)
    case("unsent in part, parts unknown", chat, ben("stays"), "stays", message_summary_info=_summary({}, [1], None))
    picture = ("image/heic", "IMG_2.HEIC", None)
    guid = case("text unsent, photo stays", chat, ben(None, attachments=(picture,)), blob=body("\ufffc"),
                message_summary_info=_summary({}, [1], 2))  # fmt: skip
    case.db.attach(guid, *picture[:2])
    reason = "unsent" if case.db.has("message", "date_retracted") else "empty"
    case("retracted by date alone", chat, Skipped(reason), date_retracted=nanoseconds(T))


def _people(case: Cases) -> None:
    one, two = case.db.dm(ALEX_ONE), case.db.dm(ALEX_TWO)
    case("second Alex, row first", two, said("Alex Kim (2)", "Alex Kim (2)", "2"), "2", sender=ALEX_TWO, at=T + DAY)
    case("first Alex", one, said("Alex Kim", "Alex Kim", "1"), "1", sender=ALEX_ONE, at=T + DAY - 1)
    landline = case.db.dm(LANDLINE)
    case("a couple's landline", landline, said(LANDLINE, LANDLINE, "dinner"), "dinner", sender=LANDLINE)
    case("one of the couple", case.db.dm(CARL), said("Carl Dunn", "Carl Dunn", "c"), "c", sender=CARL)
    case("no card", case.db.dm(NOBODY), said(NOBODY, NOBODY, "n"), "n", sender=NOBODY)
    for handle, flag in ((SHORT, "short_code"), (SHOP, "business"), (SENDER, "business")):
        chat = case.db.dm(handle, "SMS")
        case(handle, chat, said(handle, handle, "ad", flags=flag), "ad", sender=handle)
        case(f"to {handle}", chat, said(handle, OWNER, "STOP", flags=flag), "STOP")
    for number, verdict in enumerate((0, 1, 2, 3, 4, 36, 68)):
        handle = f"+1250555018{number}"
        chat = case.db.dm(handle, "SMS", is_filtered=verdict)
        flags = "spam" if verdict >= 2 and case.db.has("chat", "is_filtered") else ""
        case(f"is_filtered {verdict}", chat, said(handle, handle, "sale", flags=flags), "sale", sender=handle)
    for label in ("(smsft)", "(smsfp)", " (SMSFP_RM)", "(smsft_fi)", "(filtered)", "(filtered) (smsft)"):
        chat = case.db.dm(f"{NOBODY}{label}", "SMS")
        case(f"a label {label}", chat, said(NOBODY, NOBODY, "n"), "n", sender=f"{NOBODY}{label}")
        chat = case.db.dm(f"{SHORT}{label}", "SMS")
        short = said(SHORT, SHORT, "ad", flags="short_code")
        case(f"a short code's {label}", chat, short, "ad", sender=f"{SHORT}{label}")
    styleless = case.db.chat("iMessage;-;carl@example.com", None, [case.db.handle("carl@example.com")])
    case("no style", styleless, said("carl@example.com", OWNER, "s"), "s")
    nameless = case.db.chat("iMessage;-;", 45, [case.db.handle("")], chat_identifier=" ")
    nobody = said("iMessage;-;", "iMessage;-;", "z", flags="business")
    case("no handle that says anything", nameless, nobody, "z", sender="")
    bare = case.db.chat("SMS;-;+12505550177", 45, [])
    case("no handle joined", bare, said("+12505550177", "+12505550177", "b"), "b", is_from_me=0, handle_id=0)


def _groups(case: Cases, trip: Chat) -> None:
    db = case.db
    again = db.group("chat101", [BEN, ANNA_MAIL], "Trip")
    case("same people, same title", again, said("Trip", "Anna Lee", "again"), "again", sender=ANNA_MAIL)
    other = db.group("chat102", [ANNA, BEN], "Other")
    case("same people, another title", other, said("Other", "Ben", "o"), "o", sender=BEN)
    renamed = db.group("chat103", [ANNA, BEN, CARL], "Trip 2", group_id="GROUP-1")
    case("somebody who left", trip, said("Trip 2", NOBODY, "left"), "left", sender=NOBODY)
    case("one by group_id", renamed, said("Trip 2", "Carl Dunn", "r"), "r", sender=CARL)
    one, two = (db.group(room, [ANNA, CARL]) for room in ("chat104", "chat105"))
    case("no title", one, said("Anna Lee, Carl Dunn", OWNER, "1"), "1")
    case("no title either", two, said("Anna Lee, Carl Dunn", OWNER, "2"), "2")
    # a later message decides the title: what was one conversation all along is expected under it
    for guid, outcome in case.expected.items():
        if isinstance(outcome, Text) and outcome.conversation == "Trip":
            case.expected[guid] = Text(**{**outcome.__dict__, "conversation": "Trip 2"})


def _notes_to_self(case: Cases) -> None:
    own = case.db.dm(ME)
    case("note", own, said(OWNER, OWNER, "milk"), "milk", at=case.at + MINUTE)
    case("its echo", own, Skipped("echo"), "milk", sender=ME, at=case.at + 900)
    at = case.at + MINUTE
    case("echo first", own, Skipped("echo"), "eggs", sender=ME, at=at)
    case("note after it", own, said(OWNER, OWNER, "eggs"), "eggs", at=at + 5000)
    case("echo too late", own, said(OWNER, OWNER, "eggs"), "eggs", sender=ME, at=at + 5000 + 5001)
    case("echo without its note", own, said(OWNER, OWNER, "bread"), "bread", sender=ME, at=at + MINUTE)
    mail = case.db.dm("robin@example.com")
    case("by mail", mail, said(OWNER, OWNER, "tea"), "tea", sender="robin@example.com", at=at + 2 * MINUTE)


def _dates(case: Cases, chat: Chat) -> None:
    def at(unix_ms: int) -> Text:
        return Text("Anna Lee", OWNER, "when", unix_ms)

    case("seconds", chat, at(978_307_200_000 + 500_000_000_000), "when", date=500_000_000)
    case("nanoseconds", chat, at(T + 7), "when", date=nanoseconds(T + 7) + 999_999)
    case("the future", chat, at(4_102_444_800_000), "when", date=nanoseconds(4_102_444_800_000))
    _undated(case, chat)
    _not_sent(case, chat)


def _undated(case: Cases, chat: Chat) -> None:
    """Rows whose date says nothing: they take another of their own, else that of the row before."""
    delivered, read, before = T + 5 * DAY, T + 6 * DAY, T + 4 * DAY

    def at(unix_ms: int) -> Text:
        return Text("Anna Lee", OWNER, "when", unix_ms)

    nothing = {
        "NULL": None, "zero": 0, "a text": "yesterday", "1970": -978_307_200, "negative": nanoseconds(0),
        "seconds of 2001": 86_400, "nanoseconds of 2001": 86_400 * 10**9, "the year 5000": 94_000_000_000,
        "the year 2262": 2**63 - 1 - 10**18,
    }  # fmt: skip
    for name, date in nothing.items():
        case("a row with a date", chat, at(before), "when", date=nanoseconds(before))
        both = {"date_delivered": nanoseconds(delivered), "date_read": nanoseconds(read)}
        case(f"{name}, delivered", chat, at(delivered), "when", date=date, **both)
        case(f"{name}, read", chat, at(read), "when", date=date, date_delivered=0, date_read=both["date_read"])
        case(f"{name}, after another", chat, at(read), "when", date=date, date_delivered=None, date_read=None)
        seconds = (delivered - 978_307_200_000) // 1000
        case(f"{name}, delivered in seconds", chat, at(delivered), "when", date=date, date_delivered=seconds)
    target = case("a target", chat, at(before), "when", date=nanoseconds(before))
    tapback = {"associated_message_type": 2000, "associated_message_guid": f"p:0/{target}"}
    case("a tapback", chat, Reaction(target, "Anna Lee", "love"), "L", sender=ANNA, date=None, **tapback)


def _not_sent(case: Cases, chat: Chat) -> None:
    """Messages to be sent later: those that wait are skipped, those that were sent or whose time has come are not."""
    past = nanoseconds(T)
    if not case.db.has("message", "schedule_type"):
        return

    def later(name: str, outcome: Outcome | None, **columns: object) -> None:
        case(name, chat, outcome or said("Anna Lee", OWNER, "later"), "later", at=T + 20_000 * DAY, **columns)

    waiting = Skipped("scheduled")
    later("to be sent", waiting, schedule_type=2, schedule_state=1)
    later("to be sent, by its state", waiting, schedule_state=2)
    later("to be sent, no date", waiting, date=None, schedule_type=2)
    later("sent", None, schedule_type=2, is_sent=1)
    later("delivered", None, schedule_type=2, is_delivered=1)
    later("not scheduled", None, schedule_type=0)
    case("its time has come", chat, Text("Anna Lee", OWNER, "x", T), "x", date=past, schedule_type=2)
    failed = Text("Anna Lee", OWNER, "x", T, flags="failed")
    case("it failed", chat, failed, "x", date=past, schedule_type=2, error=22)
