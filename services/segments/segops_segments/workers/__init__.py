"""The queue's doors: the outbox is relayed, results are taken in."""
