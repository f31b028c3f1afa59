"""The use cases: compute and publish a run, look up a user."""
