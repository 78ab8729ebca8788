"""Language models: load a base model and an adapter, encode text, generate and score lines."""
