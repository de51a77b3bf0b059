"""Who of a roster's people is who in a chat: links, calendars' addresses, and who is told what."""
