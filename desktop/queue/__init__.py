"""What waits to be uploaded, and what became of it."""
