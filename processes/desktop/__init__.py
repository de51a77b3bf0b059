"""The desktop's process."""
