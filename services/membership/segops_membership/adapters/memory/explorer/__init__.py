"""The explorer in memory."""
