"""Whose messages these are: the handles and the name of the one person who is "me"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ventriloquist.collect.cards import card_name, fold, fullness
from ventriloquist.collect.handles import region_of
from ventriloquist.errors import SettingsError
from ventriloquist.records import ContactCard
from ventriloquist.transcript import UNKNOWN


def owner_name(my_name: str | None, cards: Iterable[ContactCard], stored: str | None) -> str:
    """Return what the owner is called: MY_NAME, else what the owner's card says, else the name so far.

    Raises:
        SettingsError: nothing says, or it is what unknown senders are called.
    """
    marked = sorted((card for card in cards if card.is_me), key=fullness)
    name = fold(my_name or "") or next((name for card in marked if (name := card_name(card))), "") or stored
    if not name:
        raise SettingsError(
            "Your own name is not known: MY_NAME is not set, and no contact card is marked as yours.",
            hint="Set MY_NAME, in .env or as in: MY_NAME='Your Name' vq collect. "
            "Contacts that are given with --contacts DIR may say it, too.",
        )
    if name == UNKNOWN:
        raise SettingsError(
            f"You cannot be called {UNKNOWN!r}: so are senders whom nobody knows.",
            hint="Set MY_NAME, in .env or as in: MY_NAME='Your Name' vq collect",
        )
    return name


def region(
    user_identifiers: Sequence[str],
    owner_identifiers: Mapping[str, int],
    cards: Iterable[ContactCard],
    handles: Iterable[str],
) -> str | None:
    """Return the region of the owner's number, for numbers without a country code; else that of most numbers."""
    most_seen = sorted(owner_identifiers, key=lambda identifier: (-owner_identifiers[identifier], identifier))
    own_cards = [identifier for card in cards if card.is_me for identifier in card.identifiers]
    for numbers in (user_identifiers, most_seen, own_cards):
        for number in numbers:
            found = region_of([number])
            if found is not None:
                return found
    return region_of(handles)
