"""What administrators are told and can do."""
