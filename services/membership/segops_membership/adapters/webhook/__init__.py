"""Requests to receivers of activations."""
