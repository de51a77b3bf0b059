"""What is remembered about a person besides the credential."""
