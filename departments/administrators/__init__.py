"""Administrators: how they sign in, and who is signed in."""
