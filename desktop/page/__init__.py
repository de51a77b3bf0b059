"""The page, and what it says."""
