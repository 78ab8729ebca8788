"""Where messages come from: each source is opened as a context and yields its rows from one generator."""

from ventriloquist.sources.imessage.chat_db import open_chat_db

SOURCES = {
    "chat-db": open_chat_db,
}
