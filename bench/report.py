"""What a benchmark reports: ratios of one thing against another, measured in turn in one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Ratio:
    """`what` against `baseline`, from paired samples in the same unit; `budget` is from ARCHITECTURE.md."""

    what: str
    baseline: str
    ours: Sequence[float]
    theirs: Sequence[float]
    unit: str
    budget: str

    @property
    def values(self) -> list[float]:
        """Ours over theirs, pair by pair, rising."""
        return sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))


def show(name: str, ratios: Sequence[Ratio]) -> None:
    """Print a table: the median with the least and the greatest, and both sides' medians."""
    print(f"\n{name}")
    for ratio in ratios:
        values = ratio.values
        print(
            f"  {ratio.what} / {ratio.baseline}: {median(values):.2f}x"
            f" ({values[0]:.2f} to {values[-1]:.2f}, {len(values)} pairs; budget {ratio.budget});"
            f" {median(ratio.ours):.1f} against {median(ratio.theirs):.1f} {ratio.unit}"
        )
