"""Everything that is kept, moved between files and a database."""
