"""The warehouse in ClickHouse."""
