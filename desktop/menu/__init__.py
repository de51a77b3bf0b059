"""The start menu's entry: how people who use no terminal start the page, and are told trouble."""
