"""What is said of uploads."""
