-- A month to which nothing was added for a week becomes one part, and stays it: merging it at every read then costs nothing.
ALTER TABLE events ${on_cluster} MODIFY SETTING
    min_age_to_force_merge_seconds = 604800,
    min_age_to_force_merge_on_partition_only = 1;
