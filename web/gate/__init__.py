"""What every request for departments passes before its route sees it."""
