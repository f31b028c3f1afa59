-- The number of a profile in the bitmaps. Should a profile ever be numbered twice, the later lease's number stands:
-- whoever held the earlier lease can no longer publish anything in which its number is used.
CREATE TABLE IF NOT EXISTS profiles ${on_cluster}
(
    tenant_id UInt64,
    user_key UInt64,
    user_id String CODEC(ZSTD(1)),
    first_seen DateTime64(3, 'UTC'),
    n UInt32,
    fence UInt64
)
ENGINE = ${replacing_merge_tree}(fence)
ORDER BY (tenant_id, user_key);
