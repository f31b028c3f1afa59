"""Mails: ordering, writing and sending them, and what their links do."""
