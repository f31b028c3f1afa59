"""Ids of persons, in ClickHouse."""
