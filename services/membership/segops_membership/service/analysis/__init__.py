"""Evaluates definitions outside runs: previews, plans, overlaps and explanations."""
