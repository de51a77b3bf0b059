"""What log lines may say."""
