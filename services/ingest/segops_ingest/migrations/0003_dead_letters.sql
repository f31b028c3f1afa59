CREATE TABLE IF NOT EXISTS dead_letters ${on_cluster}
(
    tenant_id UInt64,
    at DateTime64(3, 'UTC') DEFAULT now64(3),
    message_id String,
    code UInt32,
    reason String CODEC(ZSTD(1)),
    line String CODEC(ZSTD(1)),
    source_partition UInt16,
    source_offset UInt64
)
ENGINE = ${replacing_merge_tree}
PARTITION BY toYYYYMM(at)
ORDER BY (tenant_id, source_partition, source_offset, message_id)
SETTINGS ${deduplication_window} = 10000;
