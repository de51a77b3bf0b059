"""Uploads of departments' computers: each is handed the address of one session of Drive's."""
