"""The schema of the file, as append-only migrations: a change is a new migration at the end, never an edit."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple


def m001_messages(db: sqlite3.Connection) -> None:
    """The tables of collect: people, conversations, and every message ever read."""
    for statement in (
        """CREATE TABLE people (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,  -- as used in transcripts
            is_me INTEGER NOT NULL DEFAULT 0
        )""",
        "CREATE UNIQUE INDEX people_one_me ON people (is_me) WHERE is_me = 1",
        """CREATE TABLE handles (
            handle TEXT PRIMARY KEY,  -- normalised: E.164, lower-case e-mail, or as it came
            person_id INTEGER NOT NULL REFERENCES people (id)
        ) WITHOUT ROWID""",
        """CREATE TABLE conversations (
            id INTEGER PRIMARY KEY,
            type TEXT NOT NULL CHECK (type IN ('dm', 'group')),
            title TEXT
        )""",
        """CREATE TABLE members (
            conversation_id INTEGER NOT NULL REFERENCES conversations (id),
            person_id INTEGER NOT NULL REFERENCES people (id),
            PRIMARY KEY (conversation_id, person_id)
        ) WITHOUT ROWID""",
        """CREATE TABLE text_messages (
            id INTEGER PRIMARY KEY,
            guid TEXT NOT NULL,
            conversation_id INTEGER NOT NULL REFERENCES conversations (id),
            sender_id INTEGER REFERENCES people (id),  -- null: unknown
            sent_at INTEGER NOT NULL,  -- Unix milliseconds, UTC
            text TEXT,  -- null: attachments only
            is_from_me INTEGER NOT NULL,
            source_rowid INTEGER NOT NULL,  -- at first sight
            thread_originator_guid TEXT,
            thread_originator_part TEXT,
            edited INTEGER NOT NULL DEFAULT 0,
            revised_at INTEGER NOT NULL DEFAULT 0,  -- of the last edit: of two sources the newer version stays
            service TEXT,
            subject TEXT,
            flags TEXT NOT NULL DEFAULT '',  -- comma list of spam, short_code, business, failed
            sender_handle TEXT,  -- as the source has it
            chat_guid TEXT NOT NULL  -- as the source has it
        )""",
        "CREATE UNIQUE INDEX text_messages_guid ON text_messages (guid)",  # an index can be built last
        "CREATE INDEX text_messages_order ON text_messages (conversation_id, sent_at, source_rowid, guid)",
        "CREATE INDEX text_messages_sender ON text_messages (sender_id)",
        """CREATE TABLE attachments (
            message_guid TEXT NOT NULL,
            position INTEGER NOT NULL,
            mime_type TEXT,
            filename TEXT,
            transcript TEXT,
            PRIMARY KEY (message_guid, position)
        ) WITHOUT ROWID""",
        """CREATE TABLE reactions (
            guid TEXT PRIMARY KEY,
            target_guid TEXT NOT NULL,
            person_id INTEGER REFERENCES people (id),
            kind TEXT NOT NULL,
            emoji TEXT,
            sent_at INTEGER NOT NULL
        )""",
        "CREATE INDEX reactions_target ON reactions (target_guid)",
        "CREATE TABLE skipped (guid TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID",
        # From here to `runs`: data of the sources, from which people, conversations and reactions are derived again.
        """CREATE TABLE chats (
            guid TEXT PRIMARY KEY,
            type TEXT NOT NULL,
            title TEXT,
            group_id TEXT,
            handles TEXT NOT NULL,  -- JSON, everybody ever seen in it; a dm's first is whom it is with
            newest_at INTEGER NOT NULL,
            conversation_id INTEGER REFERENCES conversations (id)  -- null: no message of it is kept
        ) WITHOUT ROWID""",
        """CREATE TABLE tapbacks (
            id INTEGER PRIMARY KEY,
            guid TEXT NOT NULL,
            source_rowid INTEGER NOT NULL,
            chat_guid TEXT,
            sender_handle TEXT,
            is_from_me INTEGER NOT NULL,
            sent_at INTEGER NOT NULL,
            target_guid TEXT NOT NULL,
            kind TEXT NOT NULL,
            emoji TEXT,
            removed INTEGER NOT NULL
        )""",
        "CREATE UNIQUE INDEX tapbacks_guid ON tapbacks (guid)",
        """CREATE TABLE cards (
            folder TEXT NOT NULL,
            store TEXT NOT NULL,
            number INTEGER NOT NULL,
            first TEXT NOT NULL,
            last TEXT NOT NULL,
            nickname TEXT NOT NULL,
            organization TEXT NOT NULL,
            identifiers TEXT NOT NULL,  -- JSON
            is_me INTEGER NOT NULL,
            person_id INTEGER REFERENCES people (id),
            PRIMARY KEY (folder, store, number)
        ) WITHOUT ROWID""",
        """CREATE TABLE owner_identifiers (
            identifier TEXT PRIMARY KEY,
            seen INTEGER NOT NULL  -- rows of a source that name it as the owner's
        ) WITHOUT ROWID""",
        # an HMAC of each forgotten handle, with a key of this file
        "CREATE TABLE forgotten (digest TEXT PRIMARY KEY, forgotten_at INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE TABLE forgotten_key (key BLOB NOT NULL)",
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY,
            command TEXT NOT NULL,
            started_at INTEGER NOT NULL,  -- Unix milliseconds, UTC
            finished_at INTEGER,
            parameters TEXT NOT NULL,  -- JSON
            result TEXT  -- JSON
        )""",
    ):
        db.execute(statement)


def m002_training(db: sqlite3.Connection) -> None:
    """The tables of prepare, and the views of windows."""
    for statement in (
        """CREATE TABLE training_messages (
            id INTEGER PRIMARY KEY,
            conversation_id INTEGER NOT NULL,
            position INTEGER NOT NULL,
            message_id INTEGER,  -- null: a reaction's line
            -- OR, not IN: a list of three is built anew as a table for every row, and triples the time of an insert
            kind TEXT NOT NULL CHECK (kind = 'text' OR kind = 'attachment' OR kind = 'reaction'),
            sender TEXT NOT NULL,
            sent_at INTEGER NOT NULL,
            day TEXT NOT NULL,  -- local date
            delta TEXT NOT NULL,
            content TEXT NOT NULL,
            line TEXT NOT NULL,  -- rendered once by transcript.py, without its newline
            split TEXT CHECK (split = 'train' OR split = 'validation' OR split = 'test'),  -- null: context only
            UNIQUE (conversation_id, position)
        )""",
        """CREATE TABLE training_conversations (
            conversation_id INTEGER PRIMARY KEY,
            header TEXT NOT NULL,  -- rendered by transcript.py, up to the value of "start"
            messages INTEGER NOT NULL
        )""",
        """CREATE VIEW training_windows AS
            SELECT
                target.id AS id,
                target.conversation_id AS conversation_id,
                max(0, target.position - 99) AS first_position,
                target.position AS target_position,
                first.day AS start,
                target.split AS split,
                conversation.messages - target.position AS from_end
            FROM training_messages AS target
            JOIN training_conversations AS conversation ON conversation.conversation_id = target.conversation_id
            JOIN training_messages AS first
                ON first.conversation_id = target.conversation_id AND first.position = max(0, target.position - 99)
            WHERE target.split IS NOT NULL""",
        # ordered by the subquery: group_concat(… ORDER BY …) needs SQLite 3.44
        """CREATE VIEW rendered_windows AS
            SELECT
                w.id AS id,
                w.split AS split,
                conversation.header || json_quote(w.start) || '}' || char(10) || (
                    SELECT group_concat(line, char(10)) FROM (
                        SELECT line FROM training_messages AS m
                        WHERE m.conversation_id = w.conversation_id
                            AND m.position BETWEEN w.first_position AND w.target_position
                        ORDER BY m.position
                    )
                ) || char(10) AS text
            FROM training_windows AS w
            JOIN training_conversations AS conversation ON conversation.conversation_id = w.conversation_id""",
    ):
        db.execute(statement)


def m003_identity_hints(db: sqlite3.Connection) -> None:
    """The sources' own hints about which handles are one person's and which chats are one conversation."""
    for statement in (
        "ALTER TABLE chats ADD COLUMN lookups TEXT NOT NULL DEFAULT '[]'",  # JSON; chats that share one are one
        """CREATE TABLE person_hints (
            hint TEXT NOT NULL,  -- handles with one hint are one person's
            handle TEXT NOT NULL,  -- as the source has it
            PRIMARY KEY (hint, handle)
        ) WITHOUT ROWID""",
        # without these, deleting a person or listing one's handles would scan the whole table
        "CREATE INDEX handles_person ON handles (person_id)",
        "CREATE INDEX members_person ON members (person_id)",
        "CREATE INDEX reactions_person ON reactions (person_id)",
        "CREATE INDEX cards_person ON cards (person_id)",
    ):
        db.execute(statement)


def m004_attachment_details(db: sqlite3.Connection) -> None:
    """More details of attachments, and which tapbacks arrived as texts."""
    for statement in (
        """CREATE TABLE attachment_details (
            message_guid TEXT NOT NULL,
            position INTEGER NOT NULL,
            kind TEXT NOT NULL,  -- photo, video, voice, sticker, file
            part INTEGER,  -- of the message; null: the only one, or unknown
            text_before INTEGER,  -- characters of the text that stand before it
            PRIMARY KEY (message_guid, position)
        ) WITHOUT ROWID""",
        # deleting an attachment deletes its details
        """CREATE TRIGGER attachment_details_gone AFTER DELETE ON attachments BEGIN
            DELETE FROM attachment_details WHERE message_guid = OLD.message_guid AND position = OLD.position;
        END""",
        "ALTER TABLE tapbacks ADD COLUMN from_text INTEGER NOT NULL DEFAULT 0",  # 1: it arrived as `Liked “…”`
    ):
        db.execute(statement)


def m005_time_zones(db: sqlite3.Connection) -> None:
    """The time zones in which collect and prepare let days begin."""
    db.execute("CREATE TABLE time_zones (stage TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID")


def m006_members(db: sqlite3.Connection) -> None:
    """Type and members of a prepared conversation, instead of the first part of a rendered header."""
    for statement in (
        "DROP VIEW rendered_windows",
        "ALTER TABLE training_conversations ADD COLUMN type TEXT NOT NULL DEFAULT 'dm'",
        # JSON, as transcript.py renders it: the owner first
        "ALTER TABLE training_conversations ADD COLUMN members TEXT NOT NULL DEFAULT '[]'",
        # a header was stored as: {"type": "dm", "members": ["Aidan", "Sam"], "start":␠
        """UPDATE training_conversations SET
            type = json_extract(header || '0}', '$.type'),
            members = substr(
                header, instr(header, '["'), length(header) - instr(header, '["') + 1 - length(', "start": ')
            )""",
        "ALTER TABLE training_conversations DROP COLUMN header",
        # ordered by the subquery: group_concat(… ORDER BY …) needs SQLite 3.44
        """CREATE VIEW rendered_windows AS
            SELECT
                w.id AS id,
                w.split AS split,
                '{"type": "' || conversation.type || '", "members": ' || conversation.members
                    || ', "start": ' || json_quote(w.start) || '}' || char(10) || (
                    SELECT group_concat(line, char(10)) FROM (
                        SELECT line FROM training_messages AS m
                        WHERE m.conversation_id = w.conversation_id
                            AND m.position BETWEEN w.first_position AND w.target_position
                        ORDER BY m.position
                    )
                ) || char(10) AS text
            FROM training_windows AS w
            JOIN training_conversations AS conversation ON conversation.conversation_id = w.conversation_id""",
    ):
        db.execute(statement)


def m007_sources(db: sqlite3.Connection) -> None:
    """The application of each chat and conversation, a key of `records.APPLICATIONS`."""
    for table in ("conversations", "chats"):
        db.execute(f"ALTER TABLE {table} ADD COLUMN source TEXT NOT NULL DEFAULT 'imessage'")


def m008_search(db: sqlite3.Connection) -> None:
    """What the search index covers. The index itself is made by the first search, since some SQLite lack FTS5."""
    for statement in (
        """CREATE TABLE search_state (  -- one row, or none where there is no index
            indexed_to INTEGER NOT NULL,  -- the texts of messages up to this id are in the index
            version TEXT NOT NULL  -- of the rules by which texts become words
        )""",
        "CREATE TABLE search_stale (message_id INTEGER PRIMARY KEY)",  # indexed, and changed or deleted since then
        # no OR IGNORE: an upsert on text_messages would override it
        """CREATE TRIGGER search_text_deleted AFTER DELETE ON text_messages
        WHEN OLD.id <= (SELECT indexed_to FROM search_state) AND OLD.id NOT IN (SELECT message_id FROM search_stale)
        BEGIN
            INSERT INTO search_stale VALUES (OLD.id);
        END""",
        """CREATE TRIGGER search_text_changed AFTER UPDATE OF text ON text_messages
        WHEN OLD.text IS NOT NEW.text AND OLD.id <= (SELECT indexed_to FROM search_state)
            AND OLD.id NOT IN (SELECT message_id FROM search_stale)
        BEGIN
            INSERT INTO search_stale VALUES (OLD.id);
        END""",
    ):
        db.execute(statement)


MIGRATIONS = (
    m001_messages, m002_training, m003_identity_hints, m004_attachment_details, m005_time_zones, m006_members,
    m007_sources, m008_search,
)  # fmt: skip
NAME = "ventriloquist"  # of this set of migrations
TABLE = "_sqlite_migrations"  # in which sqlite-utils records the migrations that were applied

# The table and its index as sqlite-utils makes them: a test compares the two.
_RECORD = (
    f'CREATE TABLE "{TABLE}" (\n   "id" INTEGER PRIMARY KEY,\n   "migration_set" TEXT,\n   "name" TEXT,\n'
    '   "applied_at" TEXT\n)',
    f'CREATE UNIQUE INDEX "idx_{TABLE}_migration_set_name"\n    ON "{TABLE}" ("migration_set", "name")',
)
_OBJECTS = (  # without virtual tables, of which SQLite may lack the module
    "SELECT name, type, sql FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name <> ?"
    " AND sql NOT LIKE 'CREATE VIRTUAL %' ORDER BY rowid"
)
_COLUMNS = 'SELECT name, type, "notnull", pk FROM pragma_table_info(?) ORDER BY cid'


Column = tuple[str, str, int, int]  # name, type, whether it is NOT NULL, and its place in the primary key, from 1


class SchemaObject(NamedTuple):
    """A table, view, index or trigger."""

    type: str
    sql: str
    columns: tuple[Column, ...]


def create(db: sqlite3.Connection) -> None:
    """Make all tables in a database that has none, and record the migrations for sqlite-utils.

    sqlite-utils itself would do the same, but it imports pandas and numpy if they are installed. That costs a second
    and 80 MB, so that only an old file pays for it: see `apply`.
    """
    for statement in _RECORD:
        db.execute(statement)
    for migration in MIGRATIONS:
        migration(db)
        db.execute(
            f'INSERT INTO "{TABLE}" (migration_set, name, applied_at) VALUES (?, ?, ?)',  # noqa: S608
            (NAME, migration.__name__, str(datetime.now(UTC))),
        )


def apply(connection: sqlite3.Connection, *, stop_before: str | None = None) -> None:
    """Apply the migrations that an old file lacks, each in a transaction together with its record."""
    from sqlite_utils import Database, Migrations  # takes a third of a second, or more: see `create`

    migrations = Migrations(NAME)
    for migration in MIGRATIONS:
        migrations(name=migration.__name__)(lambda db, migration=migration: migration(db.conn))
    migrations.apply(Database(connection, execute_plugins=False), stop_before=stop_before)


@contextmanager
def empty_database() -> Iterator[sqlite3.Connection]:
    """Open a database in memory with all tables and no rows."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    try:
        create(db)
        yield db
    finally:
        db.close()


def objects(db: sqlite3.Connection) -> dict[str, SchemaObject]:
    """Return all that a database holds by name, but for the record of migrations; views and indexes have no columns."""
    return {
        name: SchemaObject(type, sql, tuple(db.execute(_COLUMNS, (name,))) if type == "table" else ())
        for name, type, sql in db.execute(_OBJECTS, (TABLE,)).fetchall()
    }


@functools.cache
def newest() -> dict[str, SchemaObject]:
    """Return all that a new file holds, by name."""
    with empty_database() as db:
        return objects(db)
