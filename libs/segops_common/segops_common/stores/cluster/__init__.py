"""ClickHouse as a cluster of shards."""
