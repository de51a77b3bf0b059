"""Service accounts, by which departments' spreadsheets are read: their keys and their age."""
