"""Evaluates, forecasts and explains definitions in plain Python; independent of the compiler that is tested against it."""
