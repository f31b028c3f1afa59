"""Event-log consumers."""
