"""Activations in memory."""
