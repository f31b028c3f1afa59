"""Exports: files with all members of a segment, written by the worker."""
