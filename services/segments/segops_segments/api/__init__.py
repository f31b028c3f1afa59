"""HTTP routes and schemas."""
