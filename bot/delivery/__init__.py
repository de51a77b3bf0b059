"""Telegram's side: requests and answers, the limits it sets, and every message that is sent."""
