"""`.venv/bin/python -m bench.scale`: print the tables of docs/scale.md."""

from __future__ import annotations

from bench.scale import lag, sizing


def main() -> None:
    """Print the extrapolated sizes and the simulated lag."""
    print(f"{sizing.table()}\n\n{lag.table()}")


if __name__ == "__main__":
    main()
