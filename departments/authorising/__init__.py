"""A department's consent, asked for on a web page and bound to an administrator's session."""
