"""Backups: what is taken in which order, how it is kept in one file, and how an empty installation gets it back."""
