"""Chat with a model: where a conversation starts, what context the model sees, and whose turn it is."""

from ventriloquist.chat.readable import markdown
from ventriloquist.chat.session import ChatSession, Writer
from ventriloquist.chat.stage import ChatPlan, Request, plan, start
from ventriloquist.chat.voice import Server, Voice, find_person, find_voice, load_line_writer, load_writer

__all__ = [
    "ChatPlan",
    "ChatSession",
    "Request",
    "Server",
    "Voice",
    "Writer",
    "find_person",
    "find_voice",
    "load_line_writer",
    "load_writer",
    "markdown",
    "plan",
    "start",
]
