"""Departments' computers: their keys, what those are used for, and when that is suspicious."""
