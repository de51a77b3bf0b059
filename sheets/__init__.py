"""A department's spreadsheets, mirrored read-only: from the cells of a sheet to people's shifts."""
