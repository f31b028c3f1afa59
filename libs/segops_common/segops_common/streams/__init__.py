"""The event log: its port, its three adapters and the one consumer loop."""
