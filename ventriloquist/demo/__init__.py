"""A fictional cast, its chat.db, and a run of every stage on it."""
