"""Where messages come from: each source is opened as a context and yields its rows from one generator."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from ventriloquist.records import Source
from ventriloquist.sources.imessage.backup import open_backup
from ventriloquist.sources.imessage.chat_db import open_chat_db

# Each takes where it is (None: where this Mac has it) and a folder of contacts (None: those that go with it).
SOURCES: dict[str, Callable[..., AbstractContextManager[Source]]] = {
    "chat-db": open_chat_db,
    "backup": open_backup,
}
