"""Where custody keeps things: which kinds of documents there are, and how they are sealed."""
