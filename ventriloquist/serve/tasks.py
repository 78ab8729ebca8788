"""Tasks that front ends send to the model of a chat, such as finding its title. A model of chats cannot do them."""

from __future__ import annotations

import json

from ventriloquist.serve.requests import ChatBody

TASK = "### Task:"  # Open WebUI's tasks begin so
HISTORY = "### Chat History"  # and the chat follows this
EMPTY = {"follow_ups": [], "tags": [], "queries": [], "text": "", "prompt": ""}  # by the key that the task asks for


def task_answer(body: ChatBody, title: str) -> str | None:
    """Return the smallest answer to a task, as JSON; None if the request is not a task.

    Args:
        title: of the chat, if one is asked for.
    """
    spoken = [message for message in body.messages if message.role != "system"]
    if len(spoken) != 1 or spoken[0].role != "user":
        return None
    text = spoken[0].text.lstrip()
    if not text.startswith(TASK):
        return None
    asked = text.partition(HISTORY)[0]
    if '"title"' in asked:
        return json.dumps({"title": title}, ensure_ascii=False)
    return next((json.dumps({key: value}) for key, value in EMPTY.items() if f'"{key}"' in asked), "{}")
