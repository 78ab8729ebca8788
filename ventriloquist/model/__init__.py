"""A base model and an adapter: load them, tokenise for them, generate and score with them."""
