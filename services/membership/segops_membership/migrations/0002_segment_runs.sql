CREATE TABLE IF NOT EXISTS segment_runs ${on_cluster}
(
    tenant_id UInt64,
    segment_id UInt64,
    run_id UInt64,
    fence UInt64,
    version UInt32,
    as_of DateTime64(3, 'UTC'),
    at DateTime64(3, 'UTC'),
    published Bool,
    base_run_id UInt64,
    size UInt32,
    entered UInt32,
    exited UInt32,
    members AggregateFunction(groupBitmap, UInt32),
    entered_members AggregateFunction(groupBitmap, UInt32),
    exited_members AggregateFunction(groupBitmap, UInt32)
)
ENGINE = ${replacing_merge_tree}
ORDER BY (tenant_id, segment_id, run_id, fence);
