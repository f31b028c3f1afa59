"""What the explorer and analytics show."""
