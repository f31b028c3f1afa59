"""Segments, runs and the outbox in PostgreSQL."""
