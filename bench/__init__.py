"""Benchmarks: each compares with a baseline in the same run, on the same machine, and prints ratios."""
