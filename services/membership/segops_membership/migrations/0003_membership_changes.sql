CREATE TABLE IF NOT EXISTS membership_changes ${on_cluster}
(
    tenant_id UInt64,
    user_key UInt64,
    segment_id UInt64,
    run_id UInt64,
    fence UInt64,
    change Int8,
    at DateTime64(3, 'UTC')
)
ENGINE = ${replacing_merge_tree}
ORDER BY (tenant_id, user_key, segment_id, run_id, fence);
