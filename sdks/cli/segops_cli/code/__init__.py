"""Segments as files: what a file says, and how a folder becomes the state of a tenant."""
