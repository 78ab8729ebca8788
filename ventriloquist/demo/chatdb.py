"""Build a chat.db as Messages would have written it, for any conversation.

    with ChatDatabase(path, owner=Owner("+12505550100", "robin@example.com")) as db:
        chat = db.dm("+12505550111")
        hello = db.message(chat, sent_at, "hello", sender="+12505550111")
        db.tapback(hello, sent_at + 5_000, "love")

Times are Unix milliseconds, UTC. A sender is a handle; None is the owner. Rows get their ROWID in the order of the
calls; GUIDs come from a seeded generator, so that the same calls make the same rows. It commits once, at the end.
"""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

from ventriloquist.demo.apple import (
    DM,
    EVENTS,
    GROUP,
    REMOVED,
    TAPBACKS,
    URL_PREVIEW,
    EventKind,
    Service,
    apple_date,
    edit_summary,
    insert,
    schema,
    tapback_prose,
    unsent_summary,
)
from ventriloquist.demo.typedstream import (
    ATTACHMENT_SLOT,
    AUDIO_TRANSCRIPTION,
    FILE_TRANSFER,
    PART,
    Run,
    Value,
    attributed_body,
    plain_body,
    utf16_length,
)
from ventriloquist.records import Attachment, ReactionKind

Stored = Literal["typedstream", "text", "both"]


class Owner(NamedTuple):
    """The owner's number in E.164, and the address that Messages is signed in with."""

    phone: str
    email: str


@dataclass(slots=True)
class Chat:
    """A row of `chat`, and its last message, which the next message points to."""

    rowid: int
    guid: str
    style: int
    service: Service
    handles: dict[str, int]  # the ROWID by handle
    room: str | None = None
    last_guid: str | None = field(default=None, repr=False)


class Sent(NamedTuple):
    """A row of `message`."""

    rowid: int
    guid: str
    chat: Chat
    text: str | None
    sent_at: int
    text_part: int = 0  # attachments come before the text


class ChatDatabase:
    """A chat.db to write into: a context manager that commits and closes it.

    Raises:
        FileExistsError: there is a file already.
    """

    def __init__(self, path: Path, *, owner: Owner, seed: int = 0) -> None:
        if path.exists():
            raise FileExistsError(path)
        self.owner = owner
        self.connection = sqlite3.connect(path, isolation_level=None)
        self._random = random.Random(seed)  # noqa: S311  # GUIDs of a demo
        self._handles: dict[tuple[str, Service], int] = {}
        self.connection.execute("PRAGMA journal_mode = WAL")  # as Messages has it
        self.connection.execute("PRAGMA synchronous = OFF")
        self.connection.executescript(schema("chat"))
        self.connection.execute("BEGIN")
        properties = [("_ClientVersion", "18026"), ("counter_in_all", "0"), ("counter_out_all", "0")]
        self.connection.executemany("INSERT INTO _SqliteDatabaseProperties VALUES (?, ?)", properties)

    def __enter__(self) -> ChatDatabase:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.connection.execute("COMMIT" if kind is None else "ROLLBACK")
        self.connection.close()

    def guid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4)).upper()

    # People and chats

    def handle(self, address: str, service: Service = "iMessage") -> int:
        """Return the ROWID of a handle; write its row at first use. An address has a row for each service."""
        key = (address, service)
        if key not in self._handles:
            self._handles[key] = insert(self.connection, "handle", id=address, country="ca", service=service)
        return self._handles[key]

    def dm(self, address: str, service: Service = "iMessage", *, prefix: str | None = None) -> Chat:
        """Make a one-to-one chat. `prefix` begins its guid: newer systems write `any` for every service."""
        guid = f"{prefix or service};-;{address}"
        rowid = self._chat(guid, DM, address, service)
        chat = Chat(rowid, guid, DM, service, {})
        self._join(chat, address)
        return chat

    def group(self, addresses: Sequence[str], name: str | None = None, *, service: Service = "iMessage") -> Chat:
        """Make a group chat of the owner and others."""
        room = f"chat{self._random.randrange(10**17, 10**18)}"
        guid = f"{service};+;{room}"
        rowid = self._chat(guid, GROUP, room, service, room_name=room, display_name=name, group_id=self.guid())
        chat = Chat(rowid, guid, GROUP, service, {}, room)
        for address in addresses:
            self._join(chat, address)
        return chat

    def _chat(self, guid: str, style: int, identifier: str, service: Service, **columns: object) -> int:
        return insert(
            self.connection,
            "chat",
            guid=guid,
            style=style,
            state=3,
            account_id="00000000-0000-0000-0000-000000000000",
            chat_identifier=identifier,
            service_name=service,
            account_login=self._account(service),
            last_addressed_handle=self.owner.phone,
            **columns,
        )

    def _join(self, chat: Chat, address: str) -> None:
        chat.handles[address] = self.handle(address, chat.service)
        insert(self.connection, "chat_handle_join", chat_id=chat.rowid, handle_id=chat.handles[address])

    def _account(self, service: Service) -> str:
        return f"E:{self.owner.email}" if service == "iMessage" else f"P:{self.owner.phone}"

    # Messages

    def message(
        self,
        chat: Chat,
        at: int,
        text: str | None,
        *,
        sender: str | None = None,
        files: Sequence[Attachment] = (),
        reply_to: Sent | None = None,
        attributes: Mapping[str, Value] | None = None,
        stored: Stored = "typedstream",
        seconds: bool = False,
        **columns: object,
    ) -> Sent:
        """Write a message.

        Args:
            files: attachments; they come before the text, each in its own part.
            reply_to: the message that this is an inline reply to.
            attributes: of the text's run, besides its part (`typedstream.MENTION`, `ONE_TIME_CODE`).
            stored: where the text is: newer rows have it in `attributedBody` alone.
            seconds: write the date in seconds since 2001, like old rows, instead of nanoseconds.
            columns: any further columns of `message`, such as `subject` or `balloon_bundle_id`.
        """
        guid = self.guid()
        attachments = [(f"at_{number}_{guid}", file) for number, file in enumerate(files)]
        if stored == "text":
            body = None
        elif not attachments and not attributes:
            body = None if text is None else plain_body(text, mutable=sender is not None)
        else:
            body = attributed_body(_runs(text, attachments, attributes or {}), mutable=sender is not None)
        if reply_to is not None:
            length = utf16_length(reply_to.text or ATTACHMENT_SLOT)
            columns |= {
                "thread_originator_guid": reply_to.guid,
                "thread_originator_part": f"{reply_to.text_part}:0:{length}",
            }
        row: dict[str, object] = {
            "text": None if stored == "typedstream" else text,
            "attributedBody": body,
            "cache_has_attachments": int(bool(attachments)),
            "part_count": len(attachments) + (text is not None),
        }
        sent = self._message(chat, at, sender, seconds=seconds, guid=guid, **(row | columns))
        for name, file in attachments:
            self._attachment(sent.rowid, name, file, outgoing=sender is None, date=apple_date(at, seconds))
        chat.last_guid = guid
        return sent._replace(text=text, text_part=len(files) if text is not None else 0)

    def link(self, chat: Chat, at: int, url: str, *, sender: str | None = None) -> Sent:
        """Write a message with only a link, and the preview that Messages keeps as an attachment."""
        sent = self.message(chat, at, url, sender=sender, balloon_bundle_id=URL_PREVIEW, cache_has_attachments=1)
        preview = Attachment(None, f"{self.guid()}.pluginPayloadAttachment")
        self._attachment(sent.rowid, self.guid(), preview, outgoing=sender is None, date=apple_date(at), hidden=True)
        return sent

    def tapback(
        self,
        target: Sent,
        at: int,
        kind: ReactionKind,
        *,
        sender: str | None = None,
        emoji: str | None = None,
        removed: bool = False,
        part: int = 0,
    ) -> Sent:
        """Write a tapback on a part of a message, or its removal: a row of its own with generated English text."""
        text = tapback_prose(kind, target.text, emoji=emoji, removed=removed)
        return self._message(
            target.chat,
            at,
            sender,
            guid=self.guid(),
            attributedBody=plain_body(text, mutable=sender is not None),
            associated_message_guid=f"p:{part}/{target.guid}",
            associated_message_type=TAPBACKS[kind] + (REMOVED if removed else 0),
            associated_message_emoji=emoji,
            associated_message_range_length=utf16_length(target.text or ATTACHMENT_SLOT),
        )

    def event(
        self, chat: Chat, at: int, kind: EventKind, *, sender: str | None = None, title: str | None = None
    ) -> Sent:
        """Write an event in a group, such as a new title."""
        item_type, action = EVENTS[kind]
        return self._message(
            chat, at, sender, guid=self.guid(), item_type=item_type, group_action_type=action, group_title=title
        )

    def edit(self, message: Sent, at: int, text: str) -> Sent:
        """Give a message its final text, and keep the earlier one in its summary."""
        summary = edit_summary([(message.sent_at, message.text or ""), (at, text)])
        self.connection.execute(
            "UPDATE message SET attributedBody = ?, message_summary_info = ?, date_edited = ? WHERE ROWID = ?",
            (plain_body(text), summary, apple_date(at), message.rowid),
        )
        return message._replace(text=text)

    def unsend(self, message: Sent, at: int) -> None:
        """Unsend a whole message: only its row and the number of its part remain."""
        self.connection.execute(
            "UPDATE message SET text = NULL, attributedBody = NULL, message_summary_info = ?, date_edited = ?, "
            "date_retracted = ?, part_count = 0 WHERE ROWID = ?",
            (unsent_summary(message.text or ""), apple_date(at), apple_date(at), message.rowid),
        )

    def delete(self, message: Sent, at: int) -> None:
        """Move a message to Recently Deleted."""
        self.connection.execute("DELETE FROM chat_message_join WHERE message_id = ?", (message.rowid,))
        insert(
            self.connection,
            "chat_recoverable_message_join",
            chat_id=message.chat.rowid,
            message_id=message.rowid,
            delete_date=apple_date(at),
        )

    # Rows

    def _message(
        self, chat: Chat, at: int, sender: str | None, *, guid: str, seconds: bool = False, **columns: object
    ) -> Sent:
        date = apple_date(at, seconds)
        outgoing = sender is None
        if sender is not None:
            handle = chat.handles.get(sender) or self.handle(sender, chat.service)
        else:  # outgoing one-to-one rows carry the recipient
            handle = next(iter(chat.handles.values()), 0) if chat.style == DM else 0
        row: dict[str, object] = {
            "guid": guid,
            "handle_id": handle,
            "version": 10,
            "service": chat.service,
            "account": self._account(chat.service),
            "date": date,
            "date_read": 0 if outgoing else date,
            "date_delivered": date if outgoing else 0,
            "is_delivered": 1,
            "is_finished": 1,
            "is_from_me": int(outgoing),
            "is_read": int(not outgoing),
            "is_sent": int(outgoing),
            "cache_roomnames": chat.room,
            "destination_caller_id": self.owner.phone,
            # Messages links each row to the one before; this is not an inline reply
            "reply_to_guid": chat.last_guid if chat.service == "iMessage" else None,
            "date_edited": 0,
            "date_retracted": 0,
        }
        rowid = insert(self.connection, "message", **(row | columns))
        insert(self.connection, "chat_message_join", chat_id=chat.rowid, message_id=rowid, message_date=date)
        return Sent(rowid, guid, chat, None, at)

    def _attachment(
        self, message: int, guid: str, file: Attachment, *, outgoing: bool, date: int, hidden: bool = False
    ) -> None:
        rowid = insert(
            self.connection,
            "attachment",
            guid=guid,
            original_guid=guid,
            created_date=date // 1_000_000_000 if date > 1e11 else date,
            filename=f"~/Library/Messages/Attachments/{guid[-2:].lower()}/{guid}/{file.filename}",
            mime_type=file.mime_type,
            transfer_name=file.filename,
            transfer_state=5,
            is_outgoing=int(outgoing),
            hide_attachment=int(hidden),
        )
        insert(self.connection, "message_attachment_join", message_id=message, attachment_id=rowid)


def _runs(text: str | None, files: Sequence[tuple[str, Attachment]], attributes: Mapping[str, Value]) -> list[Run]:
    runs = []
    for part, (guid, file) in enumerate(files):
        of_file: dict[str, Value] = {PART: part, FILE_TRANSFER: guid}
        if file.transcript is not None:
            of_file[AUDIO_TRANSCRIPTION] = file.transcript
        runs.append(Run(ATTACHMENT_SLOT, of_file))
    if text is not None:
        runs.append(Run(text, {PART: len(files), **attributes}))
    return runs
