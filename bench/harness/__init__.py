"""What the benchmarks share: pairs of samples, servers under measurement, engines, and generated events."""
