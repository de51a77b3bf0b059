"""Looks at a database: what server it is, what the account may, and whether it keeps its word."""
