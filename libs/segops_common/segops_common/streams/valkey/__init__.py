"""The event log on Valkey or Redis streams."""
