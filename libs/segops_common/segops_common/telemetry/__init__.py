"""What SegOps says about itself: log lines, metrics, trace context."""
