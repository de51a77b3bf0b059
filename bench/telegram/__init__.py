"""What a request to Telegram costs the event loop: `make bench-telegram`."""
