"""The memory of deliveries in Redis."""
