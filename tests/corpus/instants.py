"""The instant of generated and fixed events, in milliseconds."""

from __future__ import annotations

from typing import Final

NOW_MS: Final = 1_772_366_400_000
"""2026-03-01T12:00:00Z."""
DAY_MS: Final = 86_400_000
