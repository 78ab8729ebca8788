"""The conversation with a model: where it starts, what the model is shown, whose turn it is. No terminal code."""

from ventriloquist.chat.conversation import Conversation, Writer
from ventriloquist.chat.readable import markdown
from ventriloquist.chat.start import (
    Plan,
    Request,
    Server,
    Voice,
    find_person,
    find_voice,
    load_writer,
    plan_chat,
    start_chat,
)
from ventriloquist.names import find_name

__all__ = [
    "Conversation",
    "Plan",
    "Request",
    "Server",
    "Voice",
    "Writer",
    "find_name",
    "find_person",
    "find_voice",
    "load_writer",
    "markdown",
    "plan_chat",
    "start_chat",
]
