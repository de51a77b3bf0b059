"""Credentials kept alive on demand: refreshed, saved, set aside or given up, never cut short."""
