"""From definitions to expressions, and from predicates to SQL statements."""
