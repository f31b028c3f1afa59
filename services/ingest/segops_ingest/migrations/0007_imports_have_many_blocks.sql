-- One block is noted per insert and month. A batch of imports may have events of 600 months, and must not push the blocks of
-- live events out.
ALTER TABLE events ${on_cluster} MODIFY SETTING ${deduplication_window} = 100000;
