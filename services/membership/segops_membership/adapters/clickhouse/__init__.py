"""Evaluation, results of runs and lookups on ClickHouse."""
