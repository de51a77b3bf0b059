"""What a move of everything wants of each storage: marks, and what no document is."""
