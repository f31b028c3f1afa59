"""Ways to send a mail."""
