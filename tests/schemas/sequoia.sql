-- macOS 15, over 13: any emoji as a tapback, messages for later.

ALTER TABLE message ADD COLUMN is_stewie INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN is_sos INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN is_critical INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN bia_reference_id TEXT;
ALTER TABLE message ADD COLUMN is_kt_verified INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN fallback_hash TEXT;
ALTER TABLE message ADD COLUMN associated_message_emoji TEXT;
ALTER TABLE message ADD COLUMN is_pending_satellite_send INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN needs_relay INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN schedule_type INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN schedule_state INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN sent_or_received_off_grid INTEGER DEFAULT 0;
ALTER TABLE message ADD COLUMN date_recovered INTEGER DEFAULT 0;

ALTER TABLE chat ADD COLUMN is_recovered INTEGER DEFAULT 0;
ALTER TABLE chat ADD COLUMN is_deleting_incoming_messages INTEGER DEFAULT 0;

ALTER TABLE attachment ADD COLUMN emoji_image_content_identifier TEXT;
ALTER TABLE attachment ADD COLUMN emoji_image_short_description TEXT;
ALTER TABLE attachment ADD COLUMN preview_generation_state INTEGER DEFAULT 0;
