"""The use cases; HTTP, the outbox worker and the results worker are doors to them."""
