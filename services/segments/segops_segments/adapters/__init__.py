"""PostgreSQL behind the ports, and the same in memory."""
