"""A person's account: connecting it, its state, and leaving."""
