"""The outside of auth: PostgreSQL, Redis, argon2 and its own tokens."""
