"""What a reader should find in what was written for the cast."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ventriloquist.demo.cast import CAST
from ventriloquist.demo.history import Said
from ventriloquist.demo.script import PHOTO


@dataclass(slots=True)
class Expected:
    """Counts of what was written for one application, as a reader should find them."""

    rows: int = 0  # all records; in the table `message` of a chat.db
    messages: Counter[str] = field(default_factory=Counter)  # by conversation: its title or the partner's name
    senders: Counter[str] = field(default_factory=Counter)  # messages in those conversations, by name
    photos: int = 0  # messages with a picture only
    replies: int = 0
    edited: int = 0
    reactions: int = 0  # that were not taken back
    taken_back: int = 0  # rows: the reactions, and their removals
    events: int = 0
    unsent: int = 0
    strangers: int = 0  # rows from shops, banks and other senders outside the cast
    codes: int = 0  # of those, one-time codes
    deleted: int = 0  # of those, in Recently Deleted

    @property
    def kept(self) -> int:
        """Messages that a reader keeps: those of the cast, and of strangers without codes and deleted ones."""
        return self.messages.total() + self.strangers - self.codes - self.deleted

    def count(self, said: Said) -> None:
        """Count a message of the cast."""
        self.messages[said.conversation.title or CAST[said.conversation.initials[1]].name] += 1
        self.senders[CAST[said.speaker].name] += 1
        self.photos += said.text == PHOTO
        self.edited += said.edited_from is not None
