"""Requests and responses of activations."""
