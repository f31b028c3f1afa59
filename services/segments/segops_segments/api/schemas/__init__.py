"""Request and response bodies, by capability."""
