"""The results of a benchmark: ratios of two things that were measured in turn in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on a ratio, from the architecture's table of budgets."""

    side: Literal["at most", "at least"]
    factor: float

    def __str__(self) -> str:
        return f"{self.side} {self.factor:g}x"

    def met_by(self, ratio: float) -> bool:
        """Return whether the ratio is within the limit; a ratio equal to the limit is."""
        return ratio <= self.factor if self.side == "at most" else ratio >= self.factor


def at_most(factor: float) -> Budget:
    """Return an upper bound for a cost."""
    return Budget("at most", factor)


def at_least(factor: float) -> Budget:
    """Return a lower bound for a gain."""
    return Budget("at least", factor)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Compares `what` with `baseline` by paired samples in the same unit; without a budget it is information only."""

    what: str
    baseline: str
    ours: Sequence[float]
    theirs: Sequence[float]
    unit: str
    budget: Budget | None = None

    @property
    def values(self) -> list[float]:
        """Return ours divided by theirs for each pair, ascending."""
        return sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    @property
    def verdict(self) -> str:
        """Say whether the median meets the budget."""
        if self.budget is None:
            return "no budget"
        return f"budget {self.budget}: {'met' if self.budget.met_by(median(self.values)) else 'NOT MET'}"


def _short(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def line_of(ratio: Ratio) -> str:
    """Return the smallest, median and largest ratio, and both sides' medians."""
    values = ratio.values
    return (
        f"{ratio.what} / {ratio.baseline}: {_short(values[0])} – {_short(median(values))} – {_short(values[-1])}x"
        f" ({len(values)} pairs; {ratio.verdict});"
        f" {median(ratio.ours):,.1f} against {median(ratio.theirs):,.1f} {ratio.unit}"
    )


def show(name: str, ratios: Sequence[Ratio]) -> None:
    """Print a benchmark's ratios."""
    print(f"\n{name}")
    for ratio in ratios:
        print(f"  {line_of(ratio)}", flush=True)
