"""Merges of users, in memory."""
