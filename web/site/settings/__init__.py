"""The page "Google services": what it shows, and what its forms do."""
