"""The engines of a stack, each a real server with its data in one folder."""

from segops_local.engines.clickhouse import ClickHouseEngine
from segops_local.engines.kafka import KafkaEngine
from segops_local.engines.postgres import PostgresEngine
from segops_local.engines.valkey import ValkeyEngine

__all__ = ["ClickHouseEngine", "KafkaEngine", "PostgresEngine", "ValkeyEngine"]
