"""Adapters without an engine. They pass the same contract suites as the real ones."""
