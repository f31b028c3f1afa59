"""Ends the process at named points, the way `kill -9` would, so that a test can reach a window that chance never hits."""

from __future__ import annotations

import os
import random
import sys

EXIT_CODE = 137


class CrashAt:
    """From `name[:rate],name[:rate]…`: at each named point the process ends with the given chance, 1 by default.

    Writes `crashed at <name>` to standard error first, so that a test can count the windows it hit.
    Raises ValueError for a text of another form.
    """

    def __init__(self, spec: str, *, source: random.Random | None = None) -> None:
        self._rates = dict(_parse(part) for part in spec.split(",") if part.strip())
        self._random = source or random.Random()

    def reach(self, name: str) -> None:
        """End the process here, or go on."""
        if self._random.uniform(0, 1) < self._rates.get(name, 0.0):
            sys.stderr.write(f"crashed at {name}\n")
            sys.stderr.flush()
            os._exit(EXIT_CODE)


def _parse(part: str) -> tuple[str, float]:
    name, _, rate = part.strip().partition(":")
    value = float(rate or 1)
    if not name or not 0 <= value <= 1:
        raise ValueError(f"{part!r}: a crash point is name[:rate] with a rate from 0 to 1")
    return name, value
