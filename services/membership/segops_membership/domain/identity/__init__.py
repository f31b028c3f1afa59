"""Which ids belong to one person."""
