"""The ingest watermark and reports on the event log."""
