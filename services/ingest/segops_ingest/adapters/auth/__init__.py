"""What auth says, over HTTP."""
