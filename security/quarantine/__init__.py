"""Credentials that cannot be used: the copies, the notes beside them, and who is put on hold."""
