"""The sources of messages. Each is opened in a `with` block and yields its rows from one generator."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from ventriloquist.records import Source
from ventriloquist.sources.imessage.backup import open_backup
from ventriloquist.sources.imessage.chat_db import open_chat_db

# Arguments: the place of the source (None: this Mac's own), a folder of contacts (None: the source's own), and home=.
SOURCES: dict[str, Callable[..., AbstractContextManager[Source]]] = {
    "chat-db": open_chat_db,
    "backup": open_backup,
}
