"""What people end, and what they are told of it."""
