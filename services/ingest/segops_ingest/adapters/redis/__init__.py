"""First-seen timestamps in Redis."""
