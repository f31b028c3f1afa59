"""Reading requests: paths, query strings, bodies and their validation."""
