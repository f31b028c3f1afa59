"""Leases, profile numbers, publications and definitions in PostgreSQL."""
