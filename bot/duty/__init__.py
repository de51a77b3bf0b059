"""/duty: what somebody works, out of their department's rosters; who they are there; changes."""
