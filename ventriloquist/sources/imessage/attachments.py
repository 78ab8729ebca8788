"""The attachments of each message: the kind of each file and its part. Inline emoji images are left out."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ventriloquist.media import media_kind
from ventriloquist.records import Attachment
from ventriloquist.sources.imessage import body as bodies
from ventriloquist.sources.imessage import queries
from ventriloquist.sources.imessage.texts import OBJECT_SLOT, clean, is_visible, without_slots
from ventriloquist.transcript import well_formed

_PREVIEW_SUFFIX = ".pluginPayloadAttachment"  # Messages adds such a file to each link preview and app message
# The bytes that are searched for the guids of a message's files: so many, and so many times the body.
MAX_SEARCHED, MAX_SEARCHES = 1 << 20, 64
_SLOTS = re.compile(f"({OBJECT_SLOT})")


class File(NamedTuple):
    """An attachment as its row describes it, before the body of the message is read."""

    guid: bytes
    is_glyph: bool  # an inline emoji image, such as a Genmoji
    attachment: Attachment


class _Slot(NamedTuple):
    """The place of an attachment in the body."""

    guid: bytes | None
    is_glyph: bool
    has_text_beside: bool  # in the same part


def grouped_files(connection: sqlite3.Connection) -> Iterator[tuple[int, tuple[File, ...]]]:
    """Yield (ROWID, files) of each message, without the files that Messages adds itself."""
    for message, rows in groupby(queries.attachments(connection), key=itemgetter(0)):
        found = []
        for _, guid, mime_type, uti, transfer_name, path, is_sticker, is_glyph, is_audio in rows:
            name = transfer_name or (path or "").rpartition("/")[2]
            if name.endswith(_PREVIEW_SUFFIX) or (path or "").endswith(_PREVIEW_SUFFIX):
                continue
            kind = media_kind(mime_type, uti, name, path, is_sticker=bool(is_sticker or is_glyph), is_audio=is_audio)
            attachment = Attachment(_name(mime_type), _name(name), kind=kind)
            found.append(File((guid or "").encode("utf-8", "replace"), bool(is_glyph), attachment))
        if found:
            yield message, tuple(found)


def placed(
    files: Sequence[File], found: bodies.Body | None, body: bytes, column_text: str, text: str, unsent: Collection[int]
) -> tuple[Attachment, ...]:
    """Return a message's attachments with their parts, without the inline emoji images in its text.

    Args:
        found: the decoded body, if it could be decoded.
        text: the final text of the message.
        unsent: the parts that were unsent; the others keep their numbers.
    """
    if found is None:
        attachments = [file.attachment for file in files]
        inside = {place for place, file in enumerate(files) if file.is_glyph} if is_visible(text) else set()
        if text == clean(column_text):
            _number_parts(attachments, range(len(files)), inside, column_text, unsent)
        return tuple(attachment for place, attachment in enumerate(attachments) if place not in inside)
    slotted = found[2]
    if body.find(bodies.AUDIO_TRANSCRIPTION, found[1]) >= 0:
        files = _with_transcripts(files, found, body)
    is_tagged = any(body.find(name, found[1]) >= 0 for name in (bodies.EMOJI_IMAGE, bodies.ADAPTIVE_IMAGE))
    if len(files) == 1 and not is_tagged and not unsent and files[0].attachment.kind != "sticker":  # nearly always
        alone = files[0].attachment
        before, has_slot, after = slotted.partition(OBJECT_SLOT)
        if not has_slot or text != found[0] or OBJECT_SLOT in after or not (before or after):
            return (alone,)
        part, text_before = int(bool(before)), len(without_slots(before))
        return (Attachment(alone.mime_type, alone.filename, alone.transcript, alone.kind, part, text_before),)
    order = _order(files, found, body)
    attachments = [file.attachment for file in files]
    inside = set()  # places of the files that are inside the text
    if is_tagged or any(attachment.kind == "sticker" for attachment in attachments):
        slots = _slots_of(files, order, body, slotted)
        for place, (file, slot) in enumerate(zip(files, slots, strict=True)):
            is_sticker = file.attachment.kind == "sticker"
            if file.is_glyph or (slot and (slot.is_glyph or (is_sticker and slot.has_text_beside))):
                attachments[place] = replace(file.attachment, kind="sticker")
                inside.add(place)
        if not is_visible(text):
            inside.clear()
    if text == found[0]:
        _number_parts(attachments, order, inside, slotted, unsent)
    return tuple(attachment for place, attachment in enumerate(attachments) if place not in inside)


def _number_parts(
    attachments: list[Attachment], order: Sequence[int], inside: Collection[int], slotted: str, unsent: Collection[int]
) -> None:
    """Set the part of each attachment and how many characters of text come before it.

    Each attachment is a part, and so is the text between two of them. An inline emoji image belongs to its text's part.
    """
    if slotted.count(OBJECT_SLOT) != len(attachments):
        return
    waiting = iter(order)
    part = before = 0
    in_text = False
    for piece in _SLOTS.split(slotted):
        place = next(waiting) if piece == OBJECT_SLOT else None
        if place is None or place in inside:
            before += len(without_slots(piece))
            in_text = in_text or bool(piece)
        else:
            part = _next_part(part + in_text, unsent)
            attachments[place] = replace(attachments[place], part=part, text_before=before)
            part, in_text = _next_part(part + 1, unsent), False


def _next_part(part: int, unsent: Collection[int]) -> int:
    while part in unsent:
        part += 1
    return part


def _order(files: Sequence[File], found: bodies.Body, body: bytes) -> Sequence[int]:
    """Return the indexes of the files in the order of the body, which may differ from the order of their rows.

    The order of the rows is returned if a guid is missing, or if finding all of them would take long.
    """
    rows = range(len(files))
    if len(files) == 1 or len(files) != found[2].count(OBJECT_SLOT):
        return rows
    left = MAX_SEARCHED + MAX_SEARCHES * len(body)
    at: dict[int, int] = {}  # the index of the file whose guid is found at an offset
    for place, file in enumerate(files):
        offset = body.find(file.guid, found[1]) if file.guid else -1
        left -= offset - found[1]
        if offset < 0 or offset in at or left < 0:
            return rows
        at[offset] = place
    return [at[offset] for offset in sorted(at)]


def _slots_of(files: Sequence[File], order: Sequence[int], body: bytes, slotted: str) -> list[_Slot | None]:
    """Return the slot of each file: the one with its guid, else by order if there are as many slots as files."""
    slots = _slots(body, slotted)
    by_guid = {slot.guid: slot for slot in slots}
    found: list[_Slot | None] = [by_guid.get(file.guid) for file in files]
    if len(slots) == len(files):
        for slot, place in zip(slots, order, strict=True):
            found[place] = found[place] or slot
    return found


def _slots(body: bytes, slotted: str) -> list[_Slot]:
    """Return the slots of a body in order, as the attributes of its runs describe them."""
    units = slotted.encode("utf-16-le", "surrogatepass")
    at = 0
    pieces: list[tuple[bodies.Run, str]] = []
    for run in bodies.attribute_runs(body):
        end = at + 2 * max(0, run.length)
        pieces.append((run, units[at:end].decode("utf-16-le", "replace")))
        at = end
    with_text = {run.attributes.get(bodies.PART) for run, text in pieces if is_visible(text)}
    slots = []
    for run, text in pieces:
        guid = run.attributes.get(bodies.FILE_TRANSFER)
        is_glyph = any(name == bodies.EMOJI_IMAGE or bodies.ADAPTIVE_IMAGE in name for name in run.attributes)
        slot = _Slot(guid if isinstance(guid, bytes) else None, is_glyph, run.attributes.get(bodies.PART) in with_text)
        slots += [slot] * text.count(OBJECT_SLOT)
    return slots


def _with_transcripts(files: Sequence[File], found: bodies.Body, body: bytes) -> Sequence[File]:
    """Add the transcripts to the voice messages, in order."""
    spoken = [place for place, file in enumerate(files) if file.attachment.kind == "voice"] or [0]
    transcripts = bodies.attribute_strings(found, body, bodies.AUDIO_TRANSCRIPTION, len(spoken))
    changed = list(files)
    for place, transcript in zip(spoken, transcripts, strict=False):
        attachment = replace(changed[place].attachment, transcript=well_formed(transcript) or None)
        changed[place] = changed[place]._replace(attachment=attachment)
    return changed


def _name(value: str | None) -> str | None:
    return well_formed(value) if value else None
