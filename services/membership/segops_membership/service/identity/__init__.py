"""Use cases about the ids of a person."""
