"""The command line of SegOps."""
