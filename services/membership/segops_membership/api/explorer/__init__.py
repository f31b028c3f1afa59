"""Routes of the explorer."""
