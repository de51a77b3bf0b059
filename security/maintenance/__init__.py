"""Credentials kept alive ahead of time: the sweep, what it remembers, and what it reports."""
