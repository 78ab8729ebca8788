-- macOS 13, over 11: edits, unsending and Recently Deleted.

ALTER TABLE message ADD COLUMN syndication_ranges TEXT;
ALTER TABLE message ADD COLUMN synced_syndication_ranges TEXT;
ALTER TABLE message ADD COLUMN was_delivered_quietly INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN did_notify_recipient INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN date_retracted INTEGER;
ALTER TABLE message ADD COLUMN date_edited INTEGER;
ALTER TABLE message ADD COLUMN was_detonated INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN part_count INTEGER;

ALTER TABLE chat ADD COLUMN syndication_date INTEGER DEFAULT 0;
ALTER TABLE chat ADD COLUMN syndication_type INTEGER DEFAULT 0;

ALTER TABLE attachment ADD COLUMN is_commsafety_sensitive INTEGER DEFAULT 0;

CREATE TABLE chat_recoverable_message_join (
    chat_id INTEGER REFERENCES chat (ROWID) ON DELETE CASCADE,
    message_id INTEGER REFERENCES message (ROWID) ON DELETE CASCADE, delete_date INTEGER,
    ck_sync_state INTEGER DEFAULT 0, PRIMARY KEY (chat_id, message_id), CHECK (delete_date != 0)
);

CREATE TABLE recoverable_message_part (
    chat_id INTEGER, message_id INTEGER, part_index INTEGER, delete_date INTEGER, part_text BLOB NOT NULL,
    ck_sync_state INTEGER DEFAULT 0, PRIMARY KEY (chat_id, message_id, part_index), CHECK (delete_date != 0)
);
