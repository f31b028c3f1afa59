"""Segments, versions, runs and the outbox in PostgreSQL."""
