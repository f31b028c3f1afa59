"""Connections to PostgreSQL, Redis and ClickHouse: time-outs, health and errors; no business names."""
