"""Exports of all that is known of a person, and erasures."""
