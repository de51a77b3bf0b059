"""`make bench-upload`: what an upload costs, against curl, Google's client, and bare requests."""
