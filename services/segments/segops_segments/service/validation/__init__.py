"""Checking definitions, before saving and on request."""
