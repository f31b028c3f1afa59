"""Responses of the explorer."""
