-- What PostgreSQL has decided, shown to readers: rows of a run and fence that are not here count for nobody.
CREATE TABLE IF NOT EXISTS publications ${on_cluster}
(
    tenant_id UInt64,
    run_id UInt64,
    fence UInt64,
    number UInt64,
    base_run_id UInt64,
    as_of DateTime64(3, 'UTC'),
    at DateTime64(3, 'UTC')
)
ENGINE = ${replacing_merge_tree}
ORDER BY (tenant_id, run_id, fence);
