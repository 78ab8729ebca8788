-- macOS 27, over 15.

ALTER TABLE message ADD COLUMN is_time_sensitive INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN ck_chat_id TEXT;
ALTER TABLE message ADD COLUMN index_state INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN filter_action INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN filter_sub_action INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN is_preview_sent INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN is_preview_delivered INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN date_preview_sent INTEGER;
ALTER TABLE message ADD COLUMN date_preview_delivered INTEGER;
ALTER TABLE message ADD COLUMN date_updated INTEGER;
ALTER TABLE message ADD COLUMN retry_count INTEGER;

ALTER TABLE chat ADD COLUMN is_pending_review INTEGER DEFAULT 0;

ALTER TABLE attachment ADD COLUMN preflight_info BLOB DEFAULT NULL;
ALTER TABLE attachment ADD COLUMN sensitivity_analysis INTEGER DEFAULT 0;

ALTER TABLE chat_message_join ADD COLUMN index_state INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat_message_join ADD COLUMN filter_action INTEGER NOT NULL DEFAULT 0;
ALTER TABLE chat_message_join ADD COLUMN filter_sub_action INTEGER NOT NULL DEFAULT 0;

CREATE TABLE chat_lookup (
    identifier TEXT NOT NULL, domain TEXT NOT NULL, chat INTEGER NOT NULL REFERENCES chat(ROWID),
    priority INTEGER DEFAULT 0, UNIQUE (identifier, domain)
);

CREATE TABLE chat_service (
    service TEXT NOT NULL, chat INTEGER NOT NULL REFERENCES chat(ROWID), UNIQUE (service, chat)
);
