"""Applies event schemas to events."""
