"""Several sources: what is known of the owner before one is opened, and which names each of them knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from ventriloquist.collect.identity import card_name
from ventriloquist.collect.stage import Options
from ventriloquist.layout import DATABASE
from ventriloquist.records import Source
from ventriloquist.sources.imessage.address_book import read_address_book
from ventriloquist.store.connect import read_only
from ventriloquist.store.people import load_owner
from ventriloquist.store.time_zones import zone_of_collect


def known_owner(home: Path, options: Options) -> list[str]:
    """Return the names and numbers by which the options and the file know the owner."""
    known = [*filter(None, [options.my_name]), *options.user_identifiers]
    if (home / DATABASE).exists():
        with suppress(sqlite3.Error), read_only(home) as db:  # collect itself says what is wrong with the file
            known += load_owner(db)
    return known


def known_zone(home: Path, named: str | None) -> ZoneInfo:
    """Return the zone in which times without one are read: the one in which days begin.

    Raises:
        SettingsError: there is no such zone.
    """
    if (home / DATABASE).exists():
        with suppress(sqlite3.Error), read_only(home) as db:
            return zone_of_collect(db, named)
    return zone_of_collect(None, named)


def owner_in(source: Source) -> Iterator[str]:
    """Yield the names and numbers by which an open source knows its owner."""
    yield from (name for card in source.cards or () if card.is_me and (name := card_name(card)))
    yield from source.owner_identifiers


def with_contacts(source: Source, contacts: Path, home: Path) -> Source:
    """Return an open source that has the cards of an address book, too.

    Raises:
        SourceError: the contacts cannot be read.
    """
    cards, notes = read_address_book(contacts, home)
    return replace(source, cards=[*cards, *(source.cards or ())], notes=[*source.notes, *notes])


def names_in(sources: Iterable[Source]) -> set[str]:
    """Return every name of people and chats, and every handle, in open sources."""
    names: set[str] = set()
    for source in sources:
        names.update(source.handles)
        names.update(chat.title for chat in source.chats if chat.title)
        names.update(card_name(card) for card in source.cards or ())
        names.update(identifier for card in source.cards or () for identifier in card.identifiers)
    return names - {""}
