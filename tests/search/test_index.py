"""Searching a file: what is found, and the index that follows collect and forget."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from apple import ChatDb
from apple_bodies import body
from collected import collect_into
from file_builder import DAY, NOON, Conversation, Message, chat, fill, filled
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ventriloquist import forget, search
from ventriloquist.errors import NotReadyError, SettingsError, UnknownNameError
from ventriloquist.search import SearchOptions, SearchResult, words
from ventriloquist.store import Connection, open_database, recorded_run
from ventriloquist.store import search as index
from ventriloquist.store.connect import row_count
from ventriloquist.store.migrations import empty_database

OWNER = "Aidan Allchin"


def find(db: Connection, *typed: str, **options: Any) -> SearchResult:
    return search.run(db, search.plan(db, SearchOptions(typed, **options), timezone="UTC"))


def texts(db: Connection, *typed: str, **options: Any) -> list[str]:
    return [hit.text for hit in find(db, *typed, **options).hits]


def scanned(db: Connection, *typed: str) -> list[str]:
    """Search as one would first: read every message."""
    query = words.parse(typed)
    rows = db.execute("SELECT text FROM text_messages ORDER BY sent_at DESC, source_rowid DESC, guid DESC")
    return [text for (text,) in rows if text and query.spans(text)]


def test_a_hit_says_where_who_and_when_and_marks_the_words(home: Path) -> None:
    group = Conversation([Message("Sam", "Pizza at the café?")], type="group", title="climbing")
    with filled(home, [chat("hi"), group]) as db:
        (hit,) = find(db, "cafe", "PIZ").hits
    assert (hit.conversation, hit.title, hit.type, hit.name) == (2, "climbing", "group", "Sam")
    assert (hit.day, hit.time, hit.sent_at) == ("2024-03-15", "12:01", NOON + 60_000)
    assert [hit.text[begin:end] for begin, end in hit.spans] == ["Piz", "café"]


def test_the_newest_come_first_and_the_limit_says_that_there_are_more(home: Path) -> None:
    with filled(home, [chat("one apple", "two apples", "three apples")]) as db:
        assert texts(db, "apple") == ["three apples", "two apples", "one apple"]
        assert [hit.text for hit in find(db, "apple", limit=2).hits] == ["three apples", "two apples"]
        assert find(db, "apple", limit=2).more
        assert not find(db, "apple", limit=3).more


def test_person_is_who_wrote_and_conversation_is_where(home: Path) -> None:
    group = Conversation([Message("Sam", "apple in the group")], type="group", title="climbing")
    with filled(home, [chat("apple from me", "apple from Sam"), group, chat("apple", other="Kim")]) as db:
        assert texts(db, "apple", person="sam") == ["apple from Sam", "apple in the group"]
        assert texts(db, "apple", person=OWNER, conversation="Sam") == ["apple from me"]
        assert texts(db, "apple", conversation="CLIMBING") == texts(db, "apple", conversation="2")
        with pytest.raises(UnknownNameError, match="Samm"):
            find(db, "apple", person="Samm")
        with pytest.raises(UnknownNameError, match="conversation"):
            find(db, "apple", conversation="rowing")


def test_a_name_may_be_that_of_several_conversations_and_a_group_without_a_title_is_named_by_its_members(
    home: Path,
) -> None:
    group = Conversation([Message("Sam", "apple sauce"), Message("Kim", "no")], type="group")
    with filled(home, [chat("apple"), chat("apple pie"), group]) as db:  # one person in two applications
        assert set(texts(db, "apple", conversation="Sam")) == {"apple", "apple pie"}
        (hit,) = find(db, "sauce").hits
        assert hit.title == "Kim, Sam"
        assert texts(db, "apple", conversation=hit.title) == ["apple sauce"]


def test_since_and_until_are_local_days_that_count(home: Path) -> None:
    late = NOON + 11 * 3_600_000 + 1_800_000  # 23:30 UTC, the next day in Berlin
    with filled(
        home, [Conversation([Message("Sam", "apple", late), Message("Sam", "apple pie", NOON + 2 * DAY)])]
    ) as db:
        day = date(2024, 3, 16)
        options = SearchOptions(("apple",), since=day, until=day)
        assert not search.run(db, search.plan(db, options, timezone="UTC")).hits
        whole = SearchOptions(("apple",), since=date.min, until=date.max)
        for zone in ("UTC", "Pacific/Kiritimati", "America/Los_Angeles"):
            assert len(search.run(db, search.plan(db, whole, timezone=zone)).hits) == 2
        assert len(search.run(db, search.plan(db, options, timezone="Europe/Berlin")).hits) == 1


def test_an_unknown_sender_and_people_left_out_of_training_are_searched(home: Path) -> None:
    shop = Conversation([Message("Shop", "apple sale", flags="business"), Message(None, "apple?")], type="group")
    with filled(home, [shop]) as db:
        assert [hit.name for hit in find(db, "apple").hits] == ["Unknown", "Shop"]


def test_what_to_try_when_nothing_is_found(home: Path) -> None:
    with filled(home, [chat("pizza tonight", "see you"), chat("beer", other="Kim")]) as db:
        assert find(db, "piza").advice == "No message has piza. Try: vq search pizza"
        assert "without the quotes" in find(db, '"you see"').advice
        assert "Try fewer" in find(db, "pizza", "see").advice
        elsewhere = "There are such messages elsewhere: leave out "
        assert find(db, "pizza", person="Kim").advice == f"{elsewhere}--person."
        narrow = find(db, "pizza", person="Kim", until=date(2030, 1, 1))
        assert narrow.advice == f"{elsewhere}--person or --until."
        assert find(db, "pizza").advice == ""
        for rare in ("\U0010ffff", "\ud7ff", "😂", ":)"):
            assert find(db, rare).advice.startswith(f"No message has {rare}. Try another")


def test_a_file_without_messages_and_a_query_without_words_are_errors(home: Path) -> None:
    with open_database(home, create=True) as db, pytest.raises(NotReadyError):
        find(db, "apple")
    with open_database(home) as db:
        pass
    with filled(home / "other", [chat("hi")]) as db, pytest.raises(SettingsError, match="no word"):
        find(db, '""')


WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6) | st.sampled_from(
    ['"', "*", "AND", "NEAR(", "a:", "(", "-", "^", "東京", "😂", "é", "ab", "abc"]
)


@contextmanager
def in_memory(said: list[str]) -> Iterator[Connection]:
    with empty_database() as db:
        fill(db, [chat(*said)])
        yield db


TEXT = st.lists(WORD, max_size=5).map(" ".join)


@given(st.lists(TEXT, min_size=1, max_size=8), st.lists(WORD, min_size=1, max_size=3))
@hypothesis_settings(max_examples=200)
def test_the_index_finds_exactly_what_reading_every_message_finds(said: list[str], typed: list[str]) -> None:
    with in_memory(said) as db:
        for query in (typed, *([word] for text in said for word in text.split())):
            if words.parse(query).terms:
                assert texts(db, *query, limit=100) == scanned(db, *query)


def test_long_queries_and_long_messages_are_searched(home: Path) -> None:
    long = "x" * 100_000
    with filled(home, [chat("a " * 5000 + "end", long)]) as db:
        assert len(texts(db, *(["a"] * 3000), "end")) == 1
        assert texts(db, '"' + "a " * 4000 + 'end"') != []
        assert texts(db, long) == [long]
        assert texts(db, long + "y") == []
        assert texts(db, " ".join(f"w{number}" for number in range(3000))) == []


def indexed(db: Connection) -> list[tuple[int, str]]:
    return db.execute("SELECT rowid, trim(words) FROM message_words ORDER BY rowid").fetchall()


def test_the_index_follows_new_changed_and_deleted_messages(home: Path) -> None:
    with filled(home, [chat("apple", "beer", "cider")]) as db:
        find(db, "x")
        assert indexed(db) == [(1, "apple"), (2, "beer"), (3, "cider")]
        db.execute("UPDATE text_messages SET text = 'apricot' WHERE id = 1")
        db.execute("DELETE FROM text_messages WHERE id = 3")
        db.execute(  # it takes the id of the one that is gone
            "INSERT INTO text_messages (guid, conversation_id, sender_id, sent_at, text, is_from_me, source_rowid,"
            " chat_guid) VALUES ('new', 1, 2, 1, 'dates', 0, 9, 'chat-1')"
        )
        assert texts(db, "dates") == ["dates"]
        assert texts(db, "apple") == texts(db, "cider") == []
        assert indexed(db) == [(1, "apricot"), (2, "beer"), (3, "dates")]
        assert row_count(db, "search_stale") == 0
        db.execute("UPDATE text_messages SET sent_at = 5, text = text")
        assert row_count(db, "search_stale") == 0


def test_a_message_that_takes_the_id_of_one_that_was_deleted_before_a_search_is_found(home: Path) -> None:
    with filled(home, [chat("apple", "beer", "cider")]) as db:
        find(db, "x")
        db.execute("DELETE FROM text_messages WHERE id >= 2")
        assert texts(db, "cider") == []
        db.execute(
            "INSERT INTO text_messages (guid, conversation_id, sender_id, sent_at, text, is_from_me, source_rowid,"
            " chat_guid) VALUES ('new', 1, 2, 1, 'dates', 0, 9, 'chat-1')"
        )
        assert db.execute("SELECT max(id) FROM text_messages").fetchone() == (2,)
        assert texts(db, "dates") == ["dates"]
        assert indexed(db) == [(1, "apple"), (2, "dates")]
        db.execute("DELETE FROM text_messages")
        assert texts(db, "apple") == []
        assert db.execute("SELECT indexed_to FROM search_state").fetchone() == (0,)


def test_collect_twice_adds_nothing_and_an_edit_is_found_by_its_last_words(home: Path, tmp_path: Path) -> None:
    source = ChatDb(tmp_path / "chat.db")
    chat = source.dm("+12505550111")
    guids = [source.message(chat, NOON + number, f"apple {number}") for number in range(3)]

    def collect() -> tuple[int, int]:
        summary = collect_into(home, source.path, my_name=OWNER)
        return summary.added, summary.updated

    def stored(query: str) -> list[Any]:
        with open_database(home) as db:
            return db.execute(query).fetchall()

    assert collect() == (3, 0)
    with open_database(home) as db:
        assert len(texts(db, "apple")) == 3
    before = stored("SELECT rowid, words FROM message_words")
    assert collect() == (0, 0)
    assert stored("SELECT * FROM search_stale") == []
    for word in ("beer", "cider"):  # edited twice between two searches
        source.connection.execute("UPDATE message SET attributedBody = ?, date_edited = date + 1", (body(word),))
        assert collect() == (0, 3)
    assert stored("SELECT rowid, words FROM message_words") == before
    with open_database(home) as db:
        assert texts(db, "apple") == texts(db, "beer") == []
        assert len(texts(db, "cider")) == 3
    source.connection.execute("DELETE FROM message WHERE guid = ?", (guids[0],))
    assert collect_into(home, source.close(), my_name=OWNER, replace=True).messages == 2
    assert stored("SELECT name FROM sqlite_master WHERE name LIKE 'message_words%'") == []
    with open_database(home) as db:
        assert len(texts(db, "cider")) == 2


def test_an_index_that_was_cut_off_is_continued(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BATCH", 2)

    def stop(done: int, _total: int) -> None:
        if done >= 4:
            raise KeyboardInterrupt

    with filled(home, [chat(*(f"apple {number}" for number in range(9)))]) as db:
        with pytest.raises(KeyboardInterrupt):
            index.bring_up_to_date(db, words.VERSION, words.index_words, stop)
        assert len(indexed(db)) == 4
        seen: list[tuple[int, int]] = []
        index.bring_up_to_date(db, words.VERSION, words.index_words, lambda *at: seen.append(at))
        assert seen == [(2, 5), (4, 5), (5, 5)]
        assert len(texts(db, "apple")) == 9


def test_an_index_by_other_rules_is_made_anew(home: Path) -> None:
    with filled(home, [chat("apple")]) as db:
        index.bring_up_to_date(db, "0", lambda _text: "wrong", lambda _done, _total: None)
        assert texts(db, "apple") == ["apple"]
        assert indexed(db) == [(1, "apple")]


DAMAGE = (
    *(f"DROP TABLE message_words{shadow}" for shadow in ("", "_content", "_data", "_idx", "_config")),
    *(f"DELETE FROM message_words_{shadow}" for shadow in ("data", "config")),
    "UPDATE message_words_config SET v = 99",
    "UPDATE message_words_data SET block = x'00ff' WHERE id > 1",
    "ALTER TABLE message_words_content RENAME TO other",
    "ALTER TABLE message_words_content RENAME COLUMN c0 TO other",
    "ALTER TABLE message_words_idx RENAME TO other; CREATE VIEW message_words_idx AS SELECT * FROM other",
)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_index_is_made_anew_and_forgotten(home: Path, damage: str) -> None:
    with filled(home, [chat("apple", "zanzibarquux")]) as db:
        find(db, "apple")
        db.execute("UPDATE text_messages SET text = 'apple pie' WHERE id = 1")
        db.executescript(damage)
    shutil.copytree(home, home.with_name("copy"))
    with open_database(home) as db:
        assert texts(db, "pie") == ["apple pie"]
        assert texts(db, "zanzibar") == ["zanzibarquux"]
    forget_sam(home.with_name("copy"))
    if "RENAME TO" not in damage:  # another program's table
        assert b"zanzibarquux" not in (home.with_name("copy") / "ventriloquist.db").read_bytes()


def test_while_another_program_writes_every_message_is_read(home: Path) -> None:
    with filled(home, [chat("apple")]) as db:
        db.execute("PRAGMA busy_timeout = 0")
        with open_database(home) as writer:
            writer.execute("BEGIN IMMEDIATE")
            result = find(db, "apple")
            writer.execute("ROLLBACK")
        assert [hit.text for hit in result.hits] == ["apple"]
        assert "Another run writes" in result.notes[0]


def test_what_another_run_adds_during_a_search_is_found(home: Path) -> None:
    with filled(home, [chat("apple")]) as db:
        planned = search.plan(db, SearchOptions(("apple",)))
        db.execute("INSERT INTO people (id, name, is_me) VALUES (77, 'Nova', 0)")
        columns = [row[1] for row in db.execute("PRAGMA table_info(conversations)")]
        values = ["77" if name == "id" else f"{name} || '-new'" if name == "key" else name for name in columns]
        db.execute(f"INSERT INTO conversations SELECT {', '.join(values)} FROM conversations LIMIT 1")
        columns = [row[1] for row in db.execute("PRAGMA table_info(text_messages)")]
        new = {"id": "7700", "guid": "'new'", "conversation_id": "77", "sender_id": "77", "is_from_me": "0"}
        values = [new.get(name, name) for name in columns]
        db.execute(f"INSERT INTO text_messages SELECT {', '.join(values)} FROM text_messages LIMIT 1")
        assert {hit.name for hit in search.run(db, planned).hits} >= {"Nova"}


def test_without_fts5_every_message_is_read_and_forgetting_works(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled(home, [chat("apple", "zanzibarquux")]) as db:
        find(db, "apple")
        db.execute("PRAGMA writable_schema = ON")  # the same file as a SQLite without the module sees it
        db.execute("UPDATE sqlite_master SET sql = replace(sql, 'fts5', 'fts99') WHERE name = 'message_words'")
    monkeypatch.setattr(index, "MODULE", "fts99")
    with open_database(home) as db:
        result = find(db, "apple")
        assert ([hit.text for hit in result.hits], len(result.notes)) == (["apple"], 1)
        assert "has no FTS5" in result.notes[0]
    forget_sam(home)
    assert b"zanzibarquux" not in (home / "ventriloquist.db").read_bytes()


def forget_sam(home: Path) -> None:
    with recorded_run(home, "forget") as run:
        run.result = forget.run(run.db, home, forget.plan(run.db, home, "Sam"))


def test_forgetting_leaves_no_byte_of_the_index(home: Path) -> None:
    group = Conversation([Message("Sam", "xylophoneword"), Message("Kim", "kept apple")], type="group")
    with filled(home, [chat(*(f"zanzibar{number} quux" for number in range(500))), group]) as db:
        assert texts(db, '"zanzibar7"') == ["zanzibar7 quux"]
    with open_database(home) as db:  # changed after it was indexed: the old words stand in deleted rows
        db.execute("UPDATE text_messages SET text = 'plain' WHERE id < 100")
        assert texts(db, "zanzibar77") == []
        db.execute("UPDATE text_messages SET text = 'plainer' WHERE id < 50")
    forget_sam(home)
    assert {path.name for path in home.iterdir()} == {"ventriloquist.db", "ventriloquist.lock"}
    left = (home / "ventriloquist.db").read_bytes()
    for word in (b"zanzibar", b"xylophoneword", b"anzibar"):
        assert word not in left
    with open_database(home) as db:
        assert texts(db, "apple") == ["kept apple"]
        assert texts(db, "zanzibar7") == []


def test_a_search_is_not_recorded_and_writes_no_word_of_the_query(home: Path) -> None:
    with filled(home, [chat("apple")]) as db:
        find(db, "secretquery")
        assert row_count(db, "runs") == 0
    assert b"secretquery" not in (home / "ventriloquist.db").read_bytes()


def test_an_index_travels_in_the_file_and_passes_sqlites_check(home: Path) -> None:
    with filled(home, [chat(*(f"apple {number}" for number in range(300)))]) as db:
        find(db, "apple")
    copy = sqlite3.connect(home / "ventriloquist.db")
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.execute("INSERT INTO message_words (message_words) VALUES ('integrity-check')")
    copy.close()
