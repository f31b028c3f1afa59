"""Finite sets of values that stand for all values, as far as given operands can tell them apart.

Operands cut the numbers into points and open intervals. No test with these operands tells two numbers of one interval
apart, so one number of each interval stands for all of them. The same holds for strings that are numbers. If a conjunction
of tests holds for no candidate, it holds for no value.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import Final

from pydantic import JsonValue

_MAX: Final = sys.float_info.max
_INFINITE: Final = ("1e400", "-1e400")
"""Strings that are JSON numbers beyond a double compare as infinite."""


def number_candidates(operands: Collection[float]) -> list[float]:
    """Return the operands as doubles, and one double of each open interval between them that has any."""
    points = sorted({-_MAX, 0.0, _MAX, *map(float, operands)})
    above = (math.nextafter(low, high) for low, high in pairwise(points))
    return sorted({*points, *above})


def whole_candidates(operands: Collection[float]) -> list[int]:
    """Return whole numbers from 0 on: those at and next to the operands, and one beyond them."""
    nearest = {whole for operand in operands for whole in (math.floor(operand), math.ceil(operand))}
    around = {whole + step for whole in nearest for step in (-1, 0, 1)}
    return sorted(whole for whole in {0, 1, *around} if whole >= 0)


def value_candidates(operands: Collection[object]) -> Iterator[JsonValue]:
    """Yield JSON values of every type; None stands for an absent property."""
    texts = {operand for operand in operands if isinstance(operand, str)}
    numbers = [operand for operand in operands if isinstance(operand, int | float) and not isinstance(operand, bool)]
    spelled = [float(text) for text in texts if _is_number(text)]
    candidates = number_candidates([*numbers, *(number for number in spelled if math.isfinite(number))])
    yield from (None, True, False, [], {})
    yield from candidates
    yield from texts
    yield _other("x", texts)
    yield from (_other(json.dumps(number), texts) for number in candidates)
    yield from (_other(text, texts) for text in _INFINITE)


def _is_number(text: str) -> bool:
    try:
        return type(json.loads(text)) in (int, float)
    except ValueError:
        return False


def _other(text: str, excluded: Collection[str]) -> str:
    """Return a text of the same meaning that is not excluded: a number with more zeros, or a longer word."""
    while text in excluded:
        if "e" in text:
            mantissa, exponent = text.split("e")
            sign = exponent[0] if exponent[0] in "+-" else "+"
            text = f"{mantissa}e{sign}0{exponent.lstrip('+-')}"
        elif text[-1].isdigit():
            text += "0" if "." in text else ".0"
        else:
            text += text[0]
    return text
