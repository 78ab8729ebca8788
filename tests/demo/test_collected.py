"""The cast as `vq collect` reads it: what was written and what is found agree to the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import stages

from ventriloquist import forget, prepare
from ventriloquist.demo.build import CastPaths, build, play
from ventriloquist.demo.cast import CAST, CONVERSATIONS
from ventriloquist.demo.pipeline import collect_cast
from ventriloquist.demo.script import PHOTO
from ventriloquist.layout import DATABASE
from ventriloquist.records import MESSAGES
from ventriloquist.store import Connection, open_database, recorded_run


def count(db: Connection, table: str, where: str = "1") -> int:
    return int(db.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> CastPaths:
    return build(tmp_path_factory.mktemp("cast") / "data")


@pytest.fixture(scope="module")
def home(cast: CastPaths, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("collected") / "home"
    collect_cast(home, cast)
    return home


@pytest.fixture(scope="module")
def collected(home: Path) -> Iterator[Connection]:
    with open_database(home) as db:
        yield db


def counts(db: Connection, sql: str) -> Counter[str]:
    return Counter(dict(db.execute(sql).fetchall()))


def total(cast: CastPaths, field: str) -> int:
    return sum(getattr(expected, field) for expected in cast.expected.values())


def test_every_row_is_where_it_was_meant_to_be(cast: CastPaths, collected: Connection) -> None:
    assert count(collected, "text_messages") == total(cast, "kept")
    assert count(collected, "reactions") == total(cast, "reactions")
    assert counts(collected, "SELECT reason, count(*) FROM skipped GROUP BY reason") == Counter(
        event=total(cast, "events"),
        unsent=total(cast, "unsent"),
        reaction_removed=total(cast, "taken_back"),
        one_time_code=total(cast, "codes"),
        recently_deleted=total(cast, "deleted"),
    )
    assert count(collected, "attachments") == total(cast, "photos")
    assert count(collected, "text_messages", "edited = 1") == total(cast, "edited")
    assert count(collected, "text_messages", "thread_originator_guid IS NOT NULL") == total(cast, "replies")


def test_each_application_gives_what_was_written_for_it(cast: CastPaths, tmp_path: Path) -> None:
    summaries, accepted = collect_cast(tmp_path / "demo", cast)
    for application, expected in cast.expected.items():
        summary = summaries[application]
        assert (summary.rows, summary.messages) == (expected.rows, expected.kept)
        assert summary.reactions == expected.reactions
        assert summary.rows == summary.messages + summary.reactions + sum(summary.skipped.values())
        assert summary.owner == "Robin"
    assert list(summaries) == list(cast.expected)
    assert accepted is not None
    assert [handles[-1] for handles in accepted.merged] == ["whatsapp:Maya"]


def test_every_message_is_its_senders_in_its_conversation(cast: CastPaths, collected: Connection) -> None:
    senders = counts(
        collected,
        "SELECT name, count(*) FROM text_messages JOIN people ON people.id = sender_id WHERE flags = '' GROUP BY name",
    )
    assert senders == sum((expected.senders for expected in cast.expected.values()), Counter())
    conversations = counts(
        collected,
        "SELECT coalesce(title, (SELECT name FROM members JOIN people ON people.id = person_id "
        "WHERE members.conversation_id = conversations.id AND NOT is_me)) AS name, count(*) "
        "FROM text_messages JOIN conversations ON conversations.id = conversation_id WHERE flags = '' GROUP BY name",
    )
    assert conversations == sum((expected.messages for expected in cast.expected.values()), Counter())


def test_maya_is_one_person_and_robin_is_the_owner(collected: Connection) -> None:
    handles = collected.execute("SELECT handle FROM handles JOIN people ON id = person_id WHERE name = 'Maya'")
    assert {handle for (handle,) in handles} == {"whatsapp:Maya", *(address.handle for address in CAST["M"].addresses)}
    assert collected.execute("SELECT name FROM people WHERE is_me").fetchall() == [(CAST["R"].name,)]


def test_times_and_texts_are_those_that_were_played(collected: Connection) -> None:
    first, last = collected.execute("SELECT min(sent_at), max(sent_at) FROM text_messages").fetchone()
    assert 1_675_000_000_000 < first < last < 1_770_000_000_000
    assert not count(collected, "text_messages", "text LIKE '%' || char(65532) || '%'")
    assert not count(collected, "text_messages", "text LIKE 'Loved “%' OR text LIKE 'Laughed at “%'")


def test_one_person_writes_in_all_three_applications(collected: Connection) -> None:
    rows = collected.execute(
        "SELECT DISTINCT name, source FROM text_messages JOIN people ON people.id = sender_id "
        "JOIN conversations ON conversations.id = conversation_id WHERE flags = ''"
    )
    of: dict[str, set[str]] = {}
    for name, source in rows:
        of.setdefault(name, set()).add(source)
    assert of == {
        "Robin": {"imessage", "whatsapp", "telegram"},
        "Inés": {"imessage", "whatsapp", "telegram"},
        "Maya": {"imessage", "whatsapp"},
        "Priya": {"imessage", "whatsapp"},
        "Tomek": {"imessage", "whatsapp"},
        "Dad": {"imessage"},
    }


def test_texts_of_the_exports_are_those_that_were_played(collected: Connection) -> None:
    for conversation in CONVERSATIONS:
        if conversation.application == MESSAGES:
            continue
        rows = collected.execute(
            "SELECT sent_at / 1000, text FROM text_messages JOIN conversations ON conversations.id = conversation_id "
            "WHERE source = ? ORDER BY sent_at, text_messages.id",
            (conversation.application,),
        ).fetchall()
        played = play(conversation)
        assert [at for at, _ in rows] == [said.at // 1000 for said in played]
        texts = Counter("" if said.text == PHOTO else said.text for said in played)
        assert Counter(text or "" for _, text in rows) == texts


def test_to_collect_the_demo_twice_adds_nothing(cast: CastPaths, tmp_path: Path) -> None:
    collect_cast(tmp_path / "demo", cast)
    again, accepted = collect_cast(tmp_path / "demo", cast)
    assert [(one.added, one.updated) for one in again.values()] == [(0, 0)] * 3
    assert accepted is None


def lines_with(db: Connection, source: str, word: str) -> int:
    """Return how many training messages of an application have a word."""
    return count(
        db,
        "training_messages JOIN conversations ON conversations.id = conversation_id",
        f"source = '{source}' AND content LIKE '%{word}%'",
    )


def test_filters_and_rules_reach_every_application(cast: CastPaths, tmp_path: Path) -> None:
    home = tmp_path / "demo"
    collect_cast(home, cast)
    words = (("telegram", "paella"), ("whatsapp", "supper"))
    with open_database(home) as db:
        without = stages.prepare(db, prepare.PrepareOptions(exclude_conversations=("WhatsApp",)))
        everything = stages.prepare(db)
        assert everything.lines - without.lines == cast.expected["whatsapp"].kept
        assert min(lines_with(db, *where) for where in words) >= 2
        (home / "redact.txt").write_text("dish: paella\noccasion: supper\n")
        redacted = stages.prepare(db, own_rules=prepare.load_own_rules(home)).redacted
        assert set(redacted) == {"dish", "occasion"}
        assert [lines_with(db, *where) for where in words] == [0, 0]


def test_somebody_of_the_whatsapp_group_is_renamed_everywhere_and_forgotten_everywhere(
    cast: CastPaths, tmp_path: Path
) -> None:
    home = tmp_path / "demo"
    home.mkdir()
    (home / "corrections.toml").write_text('[rename]\n"whatsapp:Maya" = "Zebedee Quux"\n')
    collect_cast(home, cast)
    with open_database(home) as db:
        sources = (
            "SELECT DISTINCT source FROM text_messages JOIN people ON people.id = sender_id JOIN conversations "
            "ON conversations.id = conversation_id WHERE name = 'Zebedee Quux'"
        )
        assert {source for (source,) in db.execute(sources)} == {"imessage", "whatsapp"}
        stages.prepare(db)
    hers = [said for one in CONVERSATIONS for said in play(one) if said.speaker == "M"]
    others = {said.text for one in CONVERSATIONS for said in play(one) if said.speaker != "M"}
    traces = ["Zebedee", "Quux", "whatsapp:Maya", "2505550111", "2505550112", "maya.okafor"]
    data = (home / DATABASE).read_bytes()
    assert all(trace.encode() in data for trace in traces)

    with recorded_run(home, "forget") as run:
        forget.run(run.db, home, forget.plan(run.db, home, "Zebedee Quux"))

    data = b"".join(path.read_bytes() for path in sorted(home.glob(f"{DATABASE}*")))
    assert [trace for trace in traces if trace.encode() in data] == []
    long = {said.text for said in hers if len(said.text) > 30} - others
    assert [text for text in long if text.encode() in data] == []
    again, _ = collect_cast(home, cast)
    assert again["whatsapp"].skipped["forgotten"] == cast.expected["whatsapp"].senders["Maya"]
