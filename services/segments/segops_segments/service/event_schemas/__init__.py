"""Use cases of event schemas."""
