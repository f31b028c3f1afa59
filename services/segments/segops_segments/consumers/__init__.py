"""Event-log consumers and timers."""
