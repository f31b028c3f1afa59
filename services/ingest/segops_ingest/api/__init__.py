"""HTTP routes and schemas of ingestion."""
