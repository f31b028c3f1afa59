"""Segments, their versions and their runs: rules without any input or output."""
