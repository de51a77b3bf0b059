"""Who may use the bot, and who is turned away."""
