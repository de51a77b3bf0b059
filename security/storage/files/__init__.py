"""Storage in one folder on one machine."""
