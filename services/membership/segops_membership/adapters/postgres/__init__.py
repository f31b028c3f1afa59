"""Leases, publications and definitions in PostgreSQL."""
