"""The contract of every storage, and custody's rules over each of them."""
