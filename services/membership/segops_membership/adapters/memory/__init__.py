"""Adapters that keep everything in this process, for tests and for trying things out."""
