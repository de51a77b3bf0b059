"""What a process may do for as long as it holds a lease, and writes while it does."""
