"""Event schemas: which properties events of a type must have, how values are converted, and what a schema is inferred from."""
