"""What a definition means: compiled to a plan, evaluated as set algebra, and what may be published of it."""
