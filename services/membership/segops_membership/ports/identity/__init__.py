"""Storage of merges of users."""
