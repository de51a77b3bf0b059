"""A person's own data, for them to have."""
