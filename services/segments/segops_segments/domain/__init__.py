"""Rules for segments, their versions and their runs; no input or output."""
