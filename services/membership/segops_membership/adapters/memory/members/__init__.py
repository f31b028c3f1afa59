"""Published members and exports in memory."""
