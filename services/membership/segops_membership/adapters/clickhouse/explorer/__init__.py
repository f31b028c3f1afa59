"""The explorer on ClickHouse."""
