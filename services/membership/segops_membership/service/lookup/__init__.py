"""Looks up the segments of a user."""
