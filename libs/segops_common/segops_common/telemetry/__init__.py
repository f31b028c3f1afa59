"""Log lines, metrics and trace context."""
