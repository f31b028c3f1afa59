"""Decisions about activations."""
