"""What membership asks over HTTP."""
