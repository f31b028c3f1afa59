"""Rules of events, and their rows."""
