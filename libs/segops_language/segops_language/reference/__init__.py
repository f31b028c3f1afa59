"""The language in plain Python: what SQL is tested against, and explanations are made of."""
