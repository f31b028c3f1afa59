"""The consumer loop: batches, retries, dead letters and shutdown."""
