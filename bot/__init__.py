"""The front on Telegram."""
