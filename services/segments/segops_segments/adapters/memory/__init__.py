"""The store and the outbox in memory, for tests of the use cases; the same contract suite runs on PostgreSQL."""
