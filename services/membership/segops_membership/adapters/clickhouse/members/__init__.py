"""Published members in ClickHouse."""
