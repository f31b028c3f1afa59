"""The ports over real engines: ClickHouse, PostgreSQL, Redis and the event log."""
