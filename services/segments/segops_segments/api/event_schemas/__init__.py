"""Routes and bodies of event schemas."""
