"""What Telegram sends: written down before it is acknowledged, then handled in order."""
