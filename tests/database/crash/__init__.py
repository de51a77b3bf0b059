"""Connections cut at every packet of what changes credentials: old or new, never neither."""
