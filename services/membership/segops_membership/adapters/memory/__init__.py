"""Adapters that keep everything in this process, for tests and experiments. They pass the contract suites of the ports."""
