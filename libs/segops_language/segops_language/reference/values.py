"""What the values of a property add up to, in plain Python: a part of the oracle in `evaluate`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

from pydantic import JsonValue

from segops_language.conditions import AggregateFunction
from segops_language.json_values import count_each, number
from segops_language.reference.checks import reaches


def satisfies(measured: float | None, operator: str, wanted: float | tuple[float, ...]) -> bool:
    """Whether an aggregate satisfies an operator, compared as doubles; one that is absent or no number only `neq`."""
    if measured is None:
        return operator == "neq"
    return reaches(measured, operator, tuple(map(float, wanted)) if isinstance(wanted, tuple) else float(wanted))


def aggregate(function: AggregateFunction, values: Iterable[JsonValue]) -> float | None:
    """The aggregate of the values that count for the function; None where there is none."""
    if function == "distinct":
        return float(len(count_each(values)))
    numbers = [found for value in values if (found := number(value)) is not None]
    if not numbers:
        return 0.0 if function == "sum" else None
    if function in ("min", "max"):
        return min(numbers) if function == "min" else max(numbers)
    return _rounded_once(numbers, len(numbers) if function == "avg" else 1)


def _rounded_once(numbers: list[float], parts: int) -> float:
    """The exact sum over the parts as the nearest double, in any order of the numbers; infinities add up as doubles do."""
    infinities = {each for each in numbers if math.isinf(each)}
    if infinities:
        return sum(infinities)
    exact = sum(map(Fraction, numbers), Fraction()) / parts
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
