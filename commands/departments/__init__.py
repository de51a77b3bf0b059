"""What an operator types about departments."""
