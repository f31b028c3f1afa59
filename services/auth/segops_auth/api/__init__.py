"""HTTP routes and schemas of auth."""
