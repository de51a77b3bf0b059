"""Departments in the sandbox: the product's web process beside it, and what can be done to it."""
