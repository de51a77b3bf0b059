"""Departments: who may do what for them, their consents, and what their machines are given."""
