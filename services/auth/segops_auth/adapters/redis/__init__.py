"""Rate limits and cache invalidation in Redis."""
