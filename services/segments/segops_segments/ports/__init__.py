"""What the use cases need from outside, besides the event log: one module for each capability."""
