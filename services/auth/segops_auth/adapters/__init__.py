"""Adapters of auth, by engine."""
