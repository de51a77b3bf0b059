"""Files on their way from the queue into Drive."""
