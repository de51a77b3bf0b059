"""The four kinds of sheets, each from cells to what they mean."""
