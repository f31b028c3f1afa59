"""Clocks, fakes and contract suites: a development dependency, never in an image."""
