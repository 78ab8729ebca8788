"""Chat with a model: where a conversation starts, what context the model sees, and whose turn it is."""

from ventriloquist.chat.kept import Keeper, KeptChat, last
from ventriloquist.chat.readable import markdown
from ventriloquist.chat.session import ChatSession, Writer
from ventriloquist.chat.stage import ChatPlan, Request, go_on, plan, start
from ventriloquist.chat.voice import (
    Server,
    Voice,
    find_kept_voice,
    find_person,
    find_voice,
    load_line_writer,
    load_writer,
)

__all__ = [
    "ChatPlan",
    "ChatSession",
    "Keeper",
    "KeptChat",
    "Request",
    "Server",
    "Voice",
    "Writer",
    "find_kept_voice",
    "find_person",
    "find_voice",
    "go_on",
    "last",
    "load_line_writer",
    "load_writer",
    "markdown",
    "plan",
    "start",
]
