"""The fictional cast: who they are, how they text, and what else is in the owner's messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ventriloquist.demo.addressbook import Card
from ventriloquist.demo.apple import EventKind, Service
from ventriloquist.demo.chatdb import Owner
from ventriloquist.records import MESSAGES, ReactionKind


class Address(NamedTuple):
    """A number or address of a person, and the share of their messages that goes through it."""

    handle: str
    service: Service
    share: float
    prefix: str | None = None  # of the chat's guid; default: the service


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who texts: their habits. Their voice is in the scripts. Times are medians, in seconds."""

    initial: str
    name: str
    addresses: tuple[Address, ...]  # groups use the first; the owner has none
    answers_after: float
    types_on_after: float  # from one message to the next of a burst
    hours: tuple[int, int]  # of the day between which they begin to talk; over 24: after midnight
    reacts: float  # share of others' messages that get a tapback
    tapbacks: Mapping[ReactionKind, float]
    emoji: tuple[str, ...] = ()


class Conversation(NamedTuple):
    """A script and who plays it with the owner; a title makes it a group."""

    script: str
    initials: str
    title: str | None = None
    plays: int = 1  # how often each scene is played; the last ones are played once
    application: str = MESSAGES  # a key of records.APPLICATIONS


OWNER = Owner("+12505550100", "robin.hale@example.com")

ROBIN = Person(
    initial="R",
    name="Robin",
    addresses=(),
    answers_after=100,
    types_on_after=25,
    hours=(8, 22),
    reacts=0.05,
    tapbacks={"laugh": 5, "love": 3, "like": 2},
)
MAYA = Person(
    initial="M",
    name="Maya",
    addresses=(
        Address("+12505550111", "iMessage", 0.60),
        Address("maya.okafor@example.com", "iMessage", 0.15),
        Address("+12505550112", "iMessage", 0.10),  # her old phone
        Address("+12505550111", "SMS", 0.15),
    ),
    answers_after=40,
    types_on_after=7,
    hours=(19, 27),
    reacts=0.08,
    tapbacks={"laugh": 4, "emphasize": 2, "love": 1, "emoji": 3},
    emoji=("💀", "😭"),
)
WALTER = Person(
    initial="W",
    name="Dad",
    addresses=(Address("walter.hale@example.com", "iMessage", 1),),
    answers_after=1500,
    types_on_after=300,
    hours=(7, 20),
    reacts=0.01,
    tapbacks={"like": 1},
)
INES = Person(
    initial="I",
    name="Inés",
    addresses=(Address("+12505550133", "iMessage", 1),),
    answers_after=150,
    types_on_after=20,
    hours=(10, 25),
    reacts=0.07,
    tapbacks={"love": 5, "laugh": 3, "emoji": 1},
    emoji=("🥘", "😘"),
)
PRIYA = Person(
    initial="P",
    name="Priya",
    addresses=(Address("+12505550144", "iMessage", 1, prefix="any"),),
    answers_after=60,
    types_on_after=12,
    hours=(8, 21),
    reacts=0.16,
    tapbacks={"love": 6, "emphasize": 3, "laugh": 2, "emoji": 4},
    emoji=("🎉", "🥳", "💃", "🌸"),
)
TOMEK = Person(
    initial="T",
    name="Tomek",
    addresses=(
        Address("+12505550155", "iMessage", 0.75),
        Address("+12505550155", "SMS", 0.15),
        Address("+12505550155", "RCS", 0.10),
    ),
    answers_after=400,
    types_on_after=15,
    hours=(7, 18),
    reacts=0.03,
    tapbacks={"like": 6, "dislike": 1, "question": 1},
)

CAST = {person.initial: person for person in (ROBIN, MAYA, WALTER, INES, PRIYA, TOMEK)}

CONVERSATIONS = (
    Conversation("maya", "RM"),
    Conversation("walter", "RW"),
    Conversation("ines", "RI", application="telegram"),
    Conversation("priya", "RP"),
    Conversation("tomek", "RT"),
    Conversation("climbing", "RMIPT", title="Sunday climbers"),
    Conversation("supper", "RMIPT", title="Thursday supper club", plays=2, application="whatsapp"),
    Conversation("family", "RWIPM", title="Wedding committee", plays=2),
)

# A link that the person sometimes sends at the end of a sitting.
LINKS = {
    "R": "https://example.com/workshop/dovetails-by-hand",
    "M": "https://example.com/cats/why-does-she-scream-at-4am",
    "W": "https://example.com/gauges/monthly-rainfall.html",
    "I": "https://example.com/recetas/arroz-al-horno",
    "P": "https://example.com/weddings/seating-plans",
    "T": "https://example.com/parts/lathe-belt-710mm",
}

# Events of a group, by its script: after which share of its history, what, by whom, and a new title.
GROUP_EVENTS: Mapping[str, tuple[tuple[float, EventKind, str, str | None], ...]] = {
    "climbing": (
        (0.00, "added", "R", None),
        (0.12, "renamed", "P", "SUNDAY CLIMBERS!!! ✨"),
        (0.13, "renamed", "T", "sunday climbers."),
        (0.40, "icon", "M", None),
        (0.71, "renamed", "R", "Sunday climbers"),
    ),
    "family": ((0.00, "added", "P", None), (0.50, "icon", "R", None)),
}

# Whom WhatsApp knows by name. It shows the others by their numbers.
WHATSAPP_CONTACTS = "RM"

# Ids on Telegram.
TELEGRAM_IDS = {"R": 550100, "I": 550133}

# Senders outside the cast: handle, service, text, and the one-time code in it if there is one.
STRANGERS: tuple[tuple[str, Service, str, str | None], ...] = (
    ("72975", "SMS", "482913 is your Tidewater Bank code. Never share it with anyone.", "482913"),
    ("72975", "SMS", "Your Tidewater Bank code is 105578. It is good for ten minutes.", "105578"),
    ("BRIGHTSMILE", "SMS", "Reminder: your check-up is on Tuesday at 14:20. Reply C to confirm.", None),
    ("urn:biz:6f2a41d0-parcels", "iMessage", "Your parcel is on its way and arrives between 10:00 and 12:00.", None),
    ("urn:biz:6f2a41d0-parcels", "iMessage", "We missed you. Your parcel is at the shop on the corner.", None),
)

# "On My Mac" and an account that syncs: Maya has a card in both, with her numbers written differently.
LOCAL_CARDS = (
    Card(first="Maya", phones=("250-555-0112",)),
    Card(organization="Longmere Timber", phones=("(250) 555-0166",)),
)
ACCOUNT = "5C8F1B0A-3D52-4B7E-9A61-0E2D7C44F9B3"
ACCOUNT_CARDS = (
    Card(first="Robin", phones=("(250) 555-0100",), emails=("robin.hale@example.com",), is_me=True),
    Card(first="Maya", phones=("(250) 555-0111", "250.555.0112"), emails=("Maya.Okafor@example.com",)),
    Card(nickname="Dad", phones=("250 555 0122",), emails=("walter.hale@example.com",)),
    Card(first="Inés", phones=("(250) 555-0133",)),
    Card(first="Priya", phones=("+1 250-555-0144",), emails=("priya@example.com",)),
    Card(first="Tomek", phones=("1 (250) 555-0155",)),
)
