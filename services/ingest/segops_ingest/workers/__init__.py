"""What runs beside the API: the sink."""
