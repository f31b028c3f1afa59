CREATE TABLE IF NOT EXISTS events ${on_cluster}
(
    tenant_id UInt64,
    event_type LowCardinality(String),
    user_key UInt64 MATERIALIZED xxHash64(if(user_id = '', anonymous_id, user_id)),
    timestamp DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    message_id String CODEC(ZSTD(1)),
    kind LowCardinality(String),
    user_id String CODEC(ZSTD(1)),
    anonymous_id String CODEC(ZSTD(1)),
    payload JSON,
    context JSON,
    removed Array(String),
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    source_partition UInt16,
    source_offset UInt64 CODEC(Delta, ZSTD(1))
)
ENGINE = ${replacing_merge_tree}
PARTITION BY toYYYYMM(timestamp)
ORDER BY (tenant_id, event_type, user_key, timestamp, message_id)
SETTINGS ${deduplication_window} = 10000;
