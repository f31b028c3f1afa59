"""Use cases, one folder a capability."""
