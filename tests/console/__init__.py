"""The operator's console: what it says, how it looks, and what its buttons do."""
