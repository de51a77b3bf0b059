"""Asking people for their consent: the flows, the requests under way, and Google's approval."""
