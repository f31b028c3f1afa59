"""Messages and names that cross a process boundary."""
