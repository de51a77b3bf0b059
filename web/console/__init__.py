"""The operator's console: how the fleet stands, what is wrong, and what can be done about it."""
