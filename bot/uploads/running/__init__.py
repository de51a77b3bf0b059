"""One job run: from Telegram into its owner's Drive, to the message that says how it ended."""
