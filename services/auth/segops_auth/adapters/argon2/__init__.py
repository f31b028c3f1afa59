"""Password hashes by argon2id."""
