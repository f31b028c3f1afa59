"""Event schemas in PostgreSQL."""
