"""Creating, reading, changing and deleting segments."""
