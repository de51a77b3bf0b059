"""The pages for people: what they say, how they look, and how they are used."""
