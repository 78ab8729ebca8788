"""A fictional cast, its chat.db and exports, and a run of every stage on it."""
