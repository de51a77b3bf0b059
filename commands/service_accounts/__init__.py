"""Commands about the keys of departments' service accounts."""
