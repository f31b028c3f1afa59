"""Use cases that timers call: hourly runs and silent runs."""
