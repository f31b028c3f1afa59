"""What ingestion asks the service of segments."""
