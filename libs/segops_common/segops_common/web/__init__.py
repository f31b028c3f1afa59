"""What every HTTP face of SegOps shares: problems, request ids, the body gate, health and metrics."""
