"""One module a revision; `security/storage/sql/schema.py` has them in their order."""
