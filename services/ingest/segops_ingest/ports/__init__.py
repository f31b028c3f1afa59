"""What the use cases and the sink need from outside, besides the event log."""
