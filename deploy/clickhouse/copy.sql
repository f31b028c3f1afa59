-- Copies the database {old} into {new}, which `migrate` has made on more shards. Run it on the first server, as the owner of the
-- tables, while no sink, worker or API uses either: see docs/deploy.md. Views fill the tables that are not named here.
INSERT INTO {new}.events SELECT * FROM {old}.events
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0, max_partitions_per_insert_block = 0,
    max_threads = 2, max_block_size = 8192, min_insert_block_size_bytes = 67108864, json_type_escape_dots_in_keys = 1;
INSERT INTO {new}.dead_letters SELECT * FROM {old}.dead_letters
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0;
INSERT INTO {new}.profiles SELECT * FROM {old}.profiles
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0;
INSERT INTO {new}.static_members SELECT * FROM {old}.static_members
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0;
INSERT INTO {new}.identity_merges SELECT * FROM {old}.identity_merges
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0;
INSERT INTO {new}.membership_changes SELECT * FROM {old}.membership_changes
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0;
INSERT INTO {new}.segment_runs SELECT * FROM {old}.segment_runs
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0;
INSERT INTO {new}.publications SELECT * FROM {old}.publications
SETTINGS distributed_foreground_insert = 1, parallel_distributed_insert_select = 0;
