"""Reading uploaded lists of user ids: CSV, NDJSON and JSON."""
