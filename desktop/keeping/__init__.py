"""What a desktop keeps: in one folder of the account's own, for nobody else to read."""
