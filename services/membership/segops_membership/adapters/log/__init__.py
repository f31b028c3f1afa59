"""What membership reads from and writes to the event log."""
