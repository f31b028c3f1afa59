"""The whole product on one machine: what runs, in which order it starts and stops, and what keeps it running."""
