"""Two processes, one bot: what becomes of everything where the first one dies, or stands still."""
