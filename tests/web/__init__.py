"""The web front's tests, over a real port."""
