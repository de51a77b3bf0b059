"""The pages for people: the settings page and the console, and how one signs in to them."""
