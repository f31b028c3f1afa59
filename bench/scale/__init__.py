"""What larger loads would take: extrapolated from measurements, and simulated. Nothing here measures."""
