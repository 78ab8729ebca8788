"""The cast as `vq collect` reads it: what was written and what is found agree to the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from ventriloquist import collect
from ventriloquist.demo.build import CastPaths, build
from ventriloquist.demo.cast import CAST
from ventriloquist.sources import SOURCES
from ventriloquist.store import Connection, recorded_run


def count(db: Connection, table: str, where: str = "1") -> int:
    return int(db.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0])


@pytest.fixture(scope="module")
def cast(tmp_path_factory: pytest.TempPathFactory) -> CastPaths:
    return build(tmp_path_factory.mktemp("cast") / "data")


@pytest.fixture(scope="module")
def collected(cast: CastPaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    home = tmp_path_factory.mktemp("collected") / "home"
    with (
        SOURCES["chat-db"].open(cast.chat_db, cast.contacts) as source,
        recorded_run(home, "collect", create=True) as run,
    ):
        collect.run(run.db, source, collect.plan(run.db, source))
        yield run.db


def counts(db: Connection, sql: str) -> Counter[str]:
    return Counter(dict(db.execute(sql).fetchall()))


def test_every_row_is_where_it_was_meant_to_be(cast: CastPaths, collected: Connection) -> None:
    expected = cast.expected
    assert count(collected, "text_messages") == expected.kept
    assert count(collected, "reactions") == expected.reactions
    assert counts(collected, "SELECT reason, count(*) FROM skipped GROUP BY reason") == Counter(
        event=expected.events,
        unsent=expected.unsent,
        reaction_removed=expected.taken_back,
        one_time_code=expected.codes,
        recently_deleted=expected.deleted,
    )
    assert count(collected, "attachments") == expected.photos
    assert count(collected, "text_messages", "edited = 1") == expected.edited
    assert count(collected, "text_messages", "thread_originator_guid IS NOT NULL") == expected.replies


def test_every_message_is_its_senders_in_its_conversation(cast: CastPaths, collected: Connection) -> None:
    senders = counts(
        collected,
        "SELECT name, count(*) FROM text_messages JOIN people ON people.id = sender_id WHERE flags = '' GROUP BY name",
    )
    assert senders == cast.expected.senders
    conversations = counts(
        collected,
        "SELECT coalesce(title, (SELECT name FROM members JOIN people ON people.id = person_id "
        "WHERE members.conversation_id = conversations.id AND NOT is_me)) AS name, count(*) "
        "FROM text_messages JOIN conversations ON conversations.id = conversation_id WHERE flags = '' GROUP BY name",
    )
    assert conversations == cast.expected.messages


def test_maya_is_one_person_and_robin_is_the_owner(collected: Connection) -> None:
    handles = collected.execute("SELECT handle FROM handles JOIN people ON id = person_id WHERE name = 'Maya'")
    assert {handle for (handle,) in handles} == {address.handle for address in CAST["M"].addresses}
    assert collected.execute("SELECT name FROM people WHERE is_me").fetchall() == [(CAST["R"].name,)]


def test_times_and_texts_are_those_that_were_played(collected: Connection) -> None:
    first, last = collected.execute("SELECT min(sent_at), max(sent_at) FROM text_messages").fetchone()
    assert 1_675_000_000_000 < first < last < 1_770_000_000_000
    assert not count(collected, "text_messages", "text LIKE '%' || char(65532) || '%'")
    assert not count(collected, "text_messages", "text LIKE 'Loved “%' OR text LIKE 'Laughed at “%'")
