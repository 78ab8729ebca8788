"""An outsider's proof of what prepare and export promise: it reads the file with sqlite3 and the exports as text alone.

Nothing here is imported from the package. Every rule is written down anew, the slow and plain way.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

BUCKETS = [(60, "<1m"), (300, "<5m"), (3600, "<1h"), (12 * 3600, "<12h"), (24 * 3600, "<1d")]
VERBS = {"love": "loved", "like": "liked", "dislike": "disliked", "laugh": "laughed at", "emphasize": "emphasized"}
IMAGE, VIDEO, AUDIO = "image/", "video/", "audio/"

Row = dict[str, Any]


def read(path: Path) -> tuple[dict[int, list[Row]], dict[int, str]]:
    """Return each conversation's training messages in order, and its header up to the value of `start`."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    conversations: dict[int, list[Row]] = {}
    for row in connection.execute("SELECT * FROM training_messages ORDER BY conversation_id, position"):
        conversations.setdefault(row["conversation_id"], []).append(dict(row))
    rows = connection.execute("SELECT conversation_id, type, members FROM training_conversations").fetchall()
    headers = {id: f'{{"type": "{type}", "members": {members}, "start": ' for id, type, members in rows}
    connection.close()
    return conversations, headers


def check_lines(path: Path, zone: str, *, reactions: bool) -> None:
    """Prove that the lines are those of the messages: order, parts, markers, deltas, days, members."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    people = {row["id"]: row["name"] for row in connection.execute("SELECT * FROM people")}
    (owner,) = [name for (name,) in connection.execute("SELECT name FROM people WHERE is_me = 1")]
    messages = [dict(row) for row in connection.execute("SELECT * FROM text_messages")]
    attachments: dict[str, list[Row]] = {}
    for row in connection.execute("SELECT * FROM attachments ORDER BY position"):
        attachments.setdefault(row["message_guid"], []).append(dict(row))
    quoted = {message["guid"]: quotable(message, attachments.get(message["guid"], [])) for message in messages}
    events = []
    for message in messages:
        parts = [("attachment", placeholder(each)) for each in attachments.get(message["guid"], [])]
        parts += [("text", line) for line in split_lines(message["text"] or "")]
        target = quoted.get(message["thread_originator_guid"])
        if parts and target:
            kind, plain = parts[0]
            parts[0] = (kind, (message["thread_originator_guid"], f'[replying to "{cut(target)}"] {plain}', plain))
        sender = owner if message["is_from_me"] else people.get(message["sender_id"], "Unknown")
        order = (message["sent_at"], 0, message["source_rowid"], message["guid"])
        events.append((message["conversation_id"], order, message["id"], sender, parts))
    where = {message["guid"]: message["conversation_id"] for message in messages}
    for row in connection.execute("SELECT * FROM reactions") if reactions else ():
        target = quoted.get(row["target_guid"])
        if target:
            if row["kind"] == "emoji":
                content = f'[reacted {row["emoji"] or "?"} to "{cut(target)}"]'
            elif row["kind"] == "sticker":
                content = f'[sticker on "{cut(target)}"]'
            else:
                content = f'[{VERBS.get(row["kind"], "questioned")} "{cut(target)}"]'
            order = (row["sent_at"], 1, 0, row["guid"])
            sender = people[row["person_id"]]
            parts = [("reaction", (row["target_guid"], content, content.replace(f'"{cut(target)}"', '"…"')))]
            events.append((where[row["target_guid"]], order, None, sender, parts))

    conversations, headers = read(path)
    rank = {"train": 0, None: 0, "validation": 1, "test": 2}
    rows = [row for lines in conversations.values() for row in lines]
    split_of = {row["message_id"]: row["split"] for row in rows if row["message_id"] is not None}
    target_split = {message["guid"]: split_of.get(message["id"]) for message in messages}
    expected: dict[int, list[tuple[Any, ...]]] = {}
    previous: dict[int, int] = {}
    for conversation, order, message_id, sender, parts in sorted(events, key=lambda event: event[:2]):
        for kind, content in parts:
            lines = expected.setdefault(conversation, [])
            shown = content
            if isinstance(content, tuple):  # held-out words are not quoted before they are said
                guid, quoting, plain = content
                own = conversations[conversation][len(lines)]["split"]
                shown = plain if rank[target_split[guid]] > rank[own] else quoting
            seconds = (order[0] - previous.get(conversation, order[0])) / 1000
            delta = next((bucket for limit, bucket in BUCKETS if seconds < limit), "1d+")
            day = datetime.fromtimestamp(order[0] // 1000, ZoneInfo(zone)).strftime("%Y-%m-%d")
            lines.append((len(lines), message_id, kind, sender, order[0], day, delta, shown))
            previous[conversation] = order[0]
    fields = ("position", "message_id", "kind", "sender", "sent_at", "day", "delta", "content")
    actual = {id: [tuple(row[field] for field in fields) for row in rows] for id, rows in conversations.items()}
    assert actual == expected
    for id, rows in conversations.items():
        for row in rows:
            parsed = json.loads(row["line"])
            assert list(parsed.items()) == [
                ("name", row["sender"]),
                ("delta", row["delta"]),
                ("content", row["content"]),
            ]
            assert "\n" not in row["line"]
            assert not any(f"<{sign}" in row["line"] for sign in "|/aZ")
        (type,) = connection.execute("SELECT type FROM conversations WHERE id = ?", (id,)).fetchone()
        names = {
            people[person]
            for (person,) in connection.execute("SELECT person_id FROM members WHERE conversation_id = ?", (id,))
        }
        unknown = ["Unknown"] if any(row["sender"] == "Unknown" for row in rows) else []
        members = [owner, *sorted(names - {owner}), *unknown]
        assert json.loads(headers[id] + '"x"}') == {"type": type, "members": members, "start": "x"}
    connection.close()


def check_splits(path: Path) -> None:
    """Prove the held-out ends, that lines of one message stay together, and that no long text is on both sides."""
    conversations, _ = read(path)
    held_rows = [row for rows in conversations.values() for row in rows if row["split"] in ("validation", "test")]
    held_out = {row["content"] for row in held_rows if len(row["content"]) >= 15}
    held_texts = {typed(row["content"]) for row in held_rows if row["kind"] == "text"}
    seen: dict[tuple[str, str], str | None] = {}
    for rows in conversations.values():
        total = len(rows)
        hold = max(2, min(1000, total // 20)) if total >= 10 else 0
        test = begin_of_message(rows, total - hold) if hold else total
        validation = begin_of_message(rows, max(0, test - hold)) if hold else total
        for position, row in enumerate(rows):
            if position >= test:
                assert row["split"] == "test"
            elif position >= validation:
                assert row["split"] == "validation"
            elif row["content"] in held_out:
                assert row["split"] is None
            else:
                key = row["kind"], typed(row["content"])
                if key not in seen:
                    seen[key] = row["split"]
                    must = row["kind"] == "text" and any(must_leave(key[1], text) for text in held_texts)
                    may = row["kind"] == "text" and any(may_leave(key[1], text) for text in held_texts)
                    assert (row["split"] is None) if must else may or row["split"] == "train"
                assert row["split"] == seen[key]
        by_message: dict[int, set[str]] = {}
        for row in rows:
            if row["message_id"] is not None and row["split"]:
                side = "train" if row["split"] == "train" else row["split"]
                by_message.setdefault(row["message_id"], set()).add(side)
        assert all(len(sides) == 1 for sides in by_message.values())
        if hold:
            assert [row["split"] for row in rows[-2:]] == ["test", "test"]


def typed(content: str) -> str:
    """Return a content without the marker of a reply; no quote of these tests ends in a bracket and a space."""
    return content.split('"] ', 1)[1] if content.startswith('[replying to "') else content


def fold(text: str) -> str:
    text = "".join(character for character in text.casefold() if character != "'")
    return " ".join("".join(character if character.isalnum() else " " for character in text).split())


def must_leave(text: str, other: str) -> bool:
    """Return whether one text is the other with so few words inserted, deleted or replaced that it must leave."""
    if text == other and len(text) >= 15:
        return True
    return may_leave(text, other) and edits(fold(text).split(), fold(other).split()) <= allowed(text, other)


def may_leave(text: str, other: str) -> bool:
    """Return whether two texts have the same words, in whatever order, but for as many as may differ."""
    if text == other and len(text) >= 15:
        return True
    text, other = fold(text), fold(other)
    if min(len(text), len(other)) < 15 or numbers(text) != numbers(other):
        return False
    words, others = Counter(text.split()), Counter(other.split())
    longer = max(words.total(), others.total())
    if longer - (words & others).total() > allowed(text, other):
        return False
    trigrams = [{each[index : index + 3] for index in range(len(each) - 2)} for each in (text, other)]
    return longer >= 8 or len(trigrams[0] & trigrams[1]) >= 0.8 * len(trigrams[0] | trigrams[1])


def numbers(text: str) -> list[str]:
    return "".join(character if character.isdigit() else " " for character in text).split()


def allowed(text: str, other: str) -> int:
    return max(1, max(len(fold(text).split()), len(fold(other).split())) // 8)


def edits(words: list[str], others: list[str]) -> int:
    """Return how many words must be inserted, deleted or replaced (Levenshtein's distance)."""
    row = list(range(len(others) + 1))
    for number, word in enumerate(words, 1):
        last, row = row, [number]
        for index, other in enumerate(others):
            row.append(min(last[index + 1] + 1, row[index] + 1, last[index] + (word != other)))
    return row[-1]


def begin_of_message(rows: list[Row], position: int) -> int:
    while (
        position
        and rows[position]["message_id"] is not None
        and (rows[position - 1]["message_id"] == rows[position]["message_id"])
    ):
        position -= 1
    return position


def check_views(path: Path) -> dict[str, list[str]]:
    """Prove that the views show each target with up to 99 lines before it; return the texts of each split."""
    conversations, headers = read(path)
    connection = sqlite3.connect(path)
    windows = {row[0]: row[1:] for row in connection.execute("SELECT * FROM training_windows")}
    texts = dict(connection.execute("SELECT id, text FROM rendered_windows").fetchall())
    rendered_splits = dict(connection.execute("SELECT id, split FROM rendered_windows").fetchall())
    connection.close()
    by_split: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    targets = [(id, row) for id, rows in conversations.items() for row in rows if row["split"]]
    assert len(windows) == len(texts) == len(targets)
    for id, target in targets:
        rows = conversations[id]
        shown = rows[max(0, target["position"] - 99) : target["position"] + 1]
        text = headers[id] + json.dumps(shown[0]["day"]) + "}\n" + "".join(row["line"] + "\n" for row in shown)
        expected = (id, shown[0]["position"], target["position"], shown[0]["day"], target["split"])
        assert windows[target["id"]] == (*expected, len(rows) - target["position"])
        assert texts[target["id"]] == text
        assert rendered_splits[target["id"]] == target["split"]
        by_split[target["split"]].append(text)
        if target["split"] == "train":
            assert not any(row["split"] in ("validation", "test") for row in shown)
    return by_split


def check_window_files(folder: Path, texts: dict[str, list[str]]) -> None:
    """Prove that each exported window is the rendered one, and that a completion is its last line."""
    for split in ("train", "validation", "test"):
        rows = read_rows(folder / f"{split}.jsonl")
        assert [row["prompt"] + row["completion"] for row in rows] == texts[split]
        assert all(row["completion"].count("\n") == 1 and row["completion"].endswith("\n") for row in rows)
        assert all(list(row) == ["prompt", "completion"] for row in rows)
    assert [row["text"] for row in read_rows(folder / "training_windows.jsonl")] == texts["train"]


def check_block_files(folder: Path, path: Path, targets_per_window: int) -> None:
    """Prove that every target carries loss exactly once, with all the context it is promised, and nothing else does."""
    conversations, headers = read(path)
    for split in ("train", "validation", "test"):
        trained: Counter[tuple[int, int]] = Counter()
        for row in read_rows(folder / f"{split}.jsonl"):
            lines = conversations[row["conversation"]]
            first = row["first_position"]
            text: str = row["text"]
            count = text.count("\n") - 1
            shown = lines[first : first + count]
            header = headers[row["conversation"]] + json.dumps(shown[0]["day"]) + "}\n"
            assert text == header + "".join(line["line"] + "\n" for line in shown)
            ends = [index + 1 for index, character in enumerate(text) if character == "\n"]
            spans = {(ends[index], ends[index + 1]): first + index for index in range(count)}
            assert 1 <= len(row["loss_spans"]) <= targets_per_window
            for start, end in row["loss_spans"]:
                position = spans[start, end]
                trained[row["conversation"], position] += 1
                assert lines[position]["split"] == split
                assert position - first >= min(position, 99)
            if split == "train":
                assert not any(line["split"] in ("validation", "test") for line in shown)
        wanted = {
            (id, line["position"]) for id, lines in conversations.items() for line in lines if line["split"] == split
        }
        assert trained == dict.fromkeys(wanted, 1)


def read_rows(path: Path) -> list[Row]:
    text = path.read_bytes().decode() if path.exists() else ""  # an empty split has no file
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def split_lines(text: str) -> list[str]:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line for line in lines if line.strip()]


def quotable(message: Row, attachments: list[Row]) -> str | None:
    text = " ".join((message["text"] or "").split())
    return text or next((placeholder(each) for each in attachments), None)


def cut(text: str) -> str:
    folded = " ".join(text.split())
    return folded if len(folded) <= 60 else folded[:60] + "…"


def placeholder(attachment: Row) -> str:
    kind, name = attachment["mime_type"] or "", attachment["filename"]
    if attachment["transcript"]:
        return f"[voice message: {attachment['transcript']}]"
    for prefix, shown in ((IMAGE, "[photo]"), (VIDEO, "[video]"), (AUDIO, "[voice message]")):
        if kind.startswith(prefix):
            return shown
    return f"[file: {name}]"
