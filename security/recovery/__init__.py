"""What operators do with everything that is kept: back up, restore, re-encrypt, inspect."""
