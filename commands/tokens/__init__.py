"""Commands about stored credentials."""
