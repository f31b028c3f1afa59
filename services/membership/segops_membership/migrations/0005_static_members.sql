-- What each change of a static segment's list added and removed: a later change of the same user stands. Which changes
-- count is decided in PostgreSQL; rows of a change that is not complete count for nobody.
CREATE TABLE IF NOT EXISTS static_members ${on_cluster}
(
    tenant_id UInt64,
    segment_id UInt64,
    list_version UInt64,
    user_key UInt64 MATERIALIZED xxHash64(user_id),
    user_id String CODEC(ZSTD(1)),
    present Bool
)
ENGINE = ${replacing_merge_tree}
ORDER BY (tenant_id, segment_id, list_version, user_key);
