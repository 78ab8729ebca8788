-- macOS 11, over 10.12: inline replies, and what iCloud keeps.

ALTER TABLE message ADD COLUMN ck_sync_state INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN ck_record_id TEXT;
ALTER TABLE message ADD COLUMN ck_record_change_tag TEXT;
ALTER TABLE message ADD COLUMN destination_caller_id TEXT;
ALTER TABLE message ADD COLUMN is_corrupt INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN reply_to_guid TEXT;
ALTER TABLE message ADD COLUMN sort_id INTEGER;
ALTER TABLE message ADD COLUMN is_spam INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN has_unseen_mention INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN thread_originator_guid TEXT;
ALTER TABLE message ADD COLUMN thread_originator_part TEXT;

CREATE INDEX message_idx_thread_originator_guid ON message(thread_originator_guid);
