"""Sheets: from cells to shifts."""
