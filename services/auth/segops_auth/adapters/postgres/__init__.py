"""Accounts, tenants and keys in PostgreSQL."""
