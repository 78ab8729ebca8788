"""A fictional cast and its chat.db, and the whole way run on them."""
