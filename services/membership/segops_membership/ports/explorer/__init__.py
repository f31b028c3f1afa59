"""What the explorer reads: users and stored events."""
