"""Evaluation, run results and readers on ClickHouse."""
