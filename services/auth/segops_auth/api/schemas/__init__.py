"""Request and response bodies of auth."""
