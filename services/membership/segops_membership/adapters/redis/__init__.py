"""The membership cache in Redis."""
