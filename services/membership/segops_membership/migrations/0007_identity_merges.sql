-- Whose a user id is from `at` on: `canonical_id`, which is the id itself after an unmerge. The merges are decided in
-- PostgreSQL; a merge or an unmerge adds a row for each id whose person changes. Of rows with the same `at`, the one with the
-- greatest version counts.
CREATE TABLE IF NOT EXISTS identity_merges ${on_cluster}
(
    tenant_id UInt64,
    user_key UInt64 MATERIALIZED xxHash64(user_id),
    at DateTime64(3, 'UTC'),
    version UInt64,
    user_id String CODEC(ZSTD(1)),
    canonical_key UInt64 MATERIALIZED xxHash64(canonical_id),
    canonical_id String CODEC(ZSTD(1))
)
ENGINE = ${versioned_merge_tree}
ORDER BY (tenant_id, user_key, at);
