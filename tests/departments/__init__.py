"""What departments need beside their credentials, over every storage there is."""
