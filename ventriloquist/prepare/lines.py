"""Turn the messages of a conversation into the contents of lines, in order.

Secrets are replaced before a text is cut, split or quoted, and once more in the result. So redacting a finished line
changes nothing.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from ventriloquist.prepare.redact import Redact
from ventriloquist.prepare.selection import Selection
from ventriloquist.records import Attachment
from ventriloquist.store import Connection, collected
from ventriloquist.store.collected import CollectedConversation
from ventriloquist.transcript import Kind, attachment_placeholder, quote, reaction_content, reply_marker, text_lines

QUOTES = 4096  # quotes that are kept, of 61 characters each
PART_DIGITS = 4  # of the part that was answered: int() refuses thousands of digits
STEP = 1000  # messages between two reports of progress
_AFTER_MESSAGES = float("inf")  # a reaction has no place in the source: of equal times it comes last

Ahead = tuple[str, str]  # guid of a message that a line quotes though it comes later, and the content without the quote
# A line before it has a position: message id, kind, sender id, sent_at, content, and what it quotes ahead.
# A plain tuple: there are millions.
Draft = tuple[int | None, Kind, int | None, int, str, Ahead | None]
Place = tuple[int, float, str]  # in a conversation: sent_at, source_rowid (a reaction: none), guid
Ordered = tuple[int, float, str, list[Draft]]


class ConversationReader:
    """Reads the drafts of conversations, and counts what it leaves out and what it redacts.

    Attributes:
        left_out: messages by reason.
        redacted: secrets by kind; those in quotes do not count.

    Args:
        reactions: whether reactions become drafts.
        advance: called with how many more messages were read.
    """

    def __init__(
        self, db: Connection, selection: Selection, redact: Redact, *, reactions: bool, advance: Callable[[int], None]
    ) -> None:
        self.left_out: Counter[str] = Counter()
        self.redacted: Counter[str] = Counter()
        self._db = db
        self._selection = selection
        self._redact = redact
        self._reactions = reactions
        self._advance = advance
        self._quote = lru_cache(maxsize=QUOTES)(self._read_quote)  # a message may be long and get many answers

    def read(self, conversation: CollectedConversation) -> Iterator[Draft]:
        """Yield a conversation's drafts by sent_at, source_rowid, guid; reactions after messages of their time."""
        reason = self._selection.conversations.get(conversation.id)
        if reason is not None:
            self.left_out[reason] += conversation.messages
            self._advance(conversation.messages)
            return
        ordered = self._of_messages(conversation.id)
        if self._reactions:
            ordered = heapq.merge(ordered, self._of_reactions(conversation.id), key=lambda item: item[:3])
        for *_, drafts in ordered:
            yield from drafts

    def _of_messages(self, conversation_id: int) -> Iterator[Ordered]:
        redact, redacted, find_reason = self._redact, self.redacted, self._selection.reason
        read = 0
        for read, row in enumerate(collected.messages(self._db, conversation_id), 1):
            if read % STEP == 0:
                self._advance(STEP)
            id, guid, _, sender_id, sent_at, source_rowid, text, originator, part, flags, has_attachments = row
            reason = find_reason(conversation_id, sender_id, sent_at, flags)
            if reason:
                self.left_out[reason] += 1
                continue
            drafts: list[Draft] = []
            if has_attachments:
                attachments = collected.attachments(self._db, guid)
                placeholders = _placeholders(attachments, redact, redacted)
                drafts += [(id, "attachment", sender_id, sent_at, placeholder, None) for placeholder in placeholders]
            if text is not None:
                lines = text_lines(redact(text, redacted))
                if len(lines) > 1:  # a line alone may read as a secret that the whole text did not show
                    lines = [redact(line, redacted) for line in lines]
                drafts += [(id, "text", sender_id, sent_at, line, None) for line in lines]
            if not drafts:
                self.left_out["blank"] += 1
                continue
            if originator and (found := self._quote(originator, part)):
                target, conversation, place = found
                _, kind, _, _, first, _ = drafts[0]
                is_earlier = conversation == conversation_id and place < (sent_at, source_rowid, guid)
                ahead = None if is_earlier else (originator, first)
                drafts[0] = (id, kind, sender_id, sent_at, redact(reply_marker(target) + first), ahead)
            yield sent_at, source_rowid, guid, drafts
        self._advance(read % STEP)

    def _of_reactions(self, conversation_id: int) -> Iterator[Ordered]:
        for guid, target_guid, person_id, kind, emoji, sent_at in collected.reactions(self._db, conversation_id):
            if self._selection.reason(conversation_id, person_id, sent_at, ""):
                continue
            if found := self._quote(target_guid, None):
                target, _, place = found
                content = self._redact(reaction_content(kind, emoji, target))
                is_earlier = place < (sent_at, _AFTER_MESSAGES, guid)
                ahead = None if is_earlier else (target_guid, reaction_content(kind, emoji, "…"))
                yield sent_at, _AFTER_MESSAGES, guid, [(None, "reaction", person_id, sent_at, content, ahead)]

    def _read_quote(self, guid: str, part: str | None) -> tuple[str, int, Place] | None:
        """Return the quote of a message, or of the part that was answered, its conversation, and its place there.

        Returns: None if it is unknown or left out.
        """
        message = collected.find_message(self._db, guid)
        if message is None:
            return None
        if self._selection.reason(message.conversation_id, message.sender_id, message.sent_at, message.flags):
            return None
        attachments = collected.attachments(self._db, guid) if message.has_attachments else []
        attachment, text = _answered(part, message.text or "", attachments)
        place = message.sent_at, message.source_rowid, guid
        if attachment is None and text.strip():
            return quote(self._redact(text)), message.conversation_id, place
        placeholders = _placeholders(attachments, self._redact)
        return (quote(placeholders[attachment or 0]), message.conversation_id, place) if placeholders else None


def _answered(part: str | None, text: str, attachments: Sequence[Attachment]) -> tuple[int | None, str]:
    """Return the index of the attachment that a reply answers, None for the text; and the text that it answers.

    Args:
        part: `part:start:length`, as Messages has it; empty: the whole message.
    """
    number, _, rest = (part or "").partition(":")
    if not attachments or not number.isdecimal() or len(number) > PART_DIGITS:
        return None, text
    answered = int(number)
    if not text.strip():
        in_part = [index for index, attachment in enumerate(attachments) if attachment.part == answered]
        return (in_part or [answered if answered < len(attachments) else 0])[0], text
    places = [(attachment.part, attachment.text_before) for attachment in attachments]
    if any(known is None or before is None for known, before in places):  # as in files of vq 0.1.0
        is_slot = rest.partition(":")[2] == "1" and len(text) > 1  # an attachment counts as one character
        return (min(answered, len(attachments) - 1) if is_slot else None), text
    begin, end = 0, len(text)
    for index, (known, before) in enumerate(places):
        if known == answered:
            return index, text
        if known is not None and before is not None:
            begin, end = (max(begin, before), end) if known < answered else (begin, min(end, before))
    return None, text[begin:end] if text[begin:end].strip() else text


def _placeholders(attachments: Sequence[Attachment], redact: Redact, counts: Counter[str] | None = None) -> list[str]:
    placeholders = (
        attachment_placeholder(
            one.mime_type,
            one.filename and redact(one.filename, counts),
            one.transcript and redact(one.transcript, counts),
            one.kind,
        )
        for one in attachments
    )
    return [redact(placeholder, counts) for placeholder in placeholders]
