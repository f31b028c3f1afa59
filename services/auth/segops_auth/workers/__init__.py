"""What auth does without being asked."""
