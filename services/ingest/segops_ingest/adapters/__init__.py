"""Adapters of ingestion, by engine."""
