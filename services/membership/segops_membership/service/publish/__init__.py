"""Publishes what runs computed."""
