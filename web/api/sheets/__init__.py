"""Departments' sheets: what is kept of each, its versions, its changes, its shifts with times."""
