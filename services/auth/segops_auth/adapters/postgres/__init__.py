"""Everything that auth stores, in PostgreSQL."""
