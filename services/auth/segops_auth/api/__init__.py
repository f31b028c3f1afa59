"""The HTTP interface of auth."""
