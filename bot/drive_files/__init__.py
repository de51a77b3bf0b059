"""What is in Drive already: folders, the files in them, and what can be done with them."""
