"""Files on their way into Drive, from private chats and groups."""
