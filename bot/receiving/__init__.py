"""What people send: files taken in, in private and in groups, and the buttons of their uploads."""
