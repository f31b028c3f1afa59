"""Sums and means as SQL that are exact in any order of the events.

A double is a whole multiple of 2^-1074, so sums of integers are exact. Nearly all values fit into two integers, one of
whole numbers and one of multiples of 2^-62. The others are summed in windows of 160 bits, one sum per window. No sum is
ever rounded: instead the bound of a comparison is replaced by the least real number that rounds to it or above.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import Final, Literal

from segops_membership.sql.filters import number_sql
from segops_membership.sql.json_paths import property_of
from segops_membership.sql.parameters import Bindings

_WINDOW_BITS: Final = 160
_WINDOWS: Final = 14
_UNITS_WINDOW: Final = 7
"""The window whose lowest bit is 2^-62, the unit of the two integers."""
_UNIT_BITS: Final = 62
_LOWEST_BIT: Final = _UNITS_WINDOW * _WINDOW_BITS + _UNIT_BITS
"""Bits of a window's integer times 2^-this; below the half of the least double, to which bounds reach."""
_SPARE_BITS: Final = 90
"""Added to the units of a sum before it is compared with a bound times a count, which may be finer than the units."""
_BEYOND: Final = 2**218
"""In such units, more than any mean of values in two integers; times a count it still fits 256 bits."""
_PLUS_INFINITY: Final = _WINDOWS
_MINUS_INFINITY: Final = _WINDOWS + 1


def exact_sum(keys: tuple[str, ...], selected: str, bind: Bindings) -> str:
    """Return a tuple: how many numbers, the sum of their whole parts, the sum of their rests in 2^-62, and a map.

    The map has the sums of the numbers that fit into neither, by window.
    """
    value = bind.share(number_sql(property_of(keys, bind), bind))
    # A value that is no number adds 0, which changes no sum.
    number = bind.share(f"ifNull({value}, 0)")
    units = f"{number} * {2**_UNIT_BITS}"
    fits = bind.share(f"abs({number}) < {2**63} AND {units} = trunc({units})")
    # The branch that is not taken is computed too, and an infinity has no integer.
    fitting = bind.share(f"if({fits}, {number}, 0)")
    whole = f"toInt128(toInt64({fitting}))"
    rest = f"toInt128(toInt64(({fitting} - trunc({fitting})) * {2**_UNIT_BITS}))"
    window, integer = _windowed(number, bind)
    # Computed only where it is needed, because integers of 256 bits are slow.
    windows = f"if({fits}, CAST(map(), 'Map(UInt8, Int256)'), map({window}, {integer}))"
    sums = (f"sumIf({part}, {selected})" for part in (whole, rest))
    return f"(countIf({selected} AND isNotNull({value})), {', '.join(sums)}, sumMapIf({windows}, {selected}))"


def _windowed(number: str, bind: Bindings) -> tuple[str, str]:
    """Return the window in which a double begins and its integer there; an infinity is 1 in a window of its own."""
    bits = bind.share(f"reinterpretAsUInt64({number})")
    exponent = bind.share(f"bitAnd(bitShiftRight({bits}, 52), 2047)")
    mantissa = f"bitAnd({bits}, {2**52 - 1}) + if({exponent} > 0, {2**52}, 0)"
    # The lowest bit of a mantissa is 2^-1074 for the exponents 0 and 1.
    position = bind.share(f"greatest({exponent}, 1) + {_LOWEST_BIT - 1075}")
    window = f"intDiv({position}, {_WINDOW_BITS})"
    signed = f"if({number} < 0, -1, 1) * bitShiftLeft(toInt256({mantissa}), {position} % {_WINDOW_BITS})"
    infinite = f"if({number} > 0, {_PLUS_INFINITY}, {_MINUS_INFINITY})"
    return (
        f"toUInt8(if({exponent} = 2047, {infinite}, {window}))",
        f"if({exponent} = 2047, toInt256(1), {signed})",
    )


def is_in_range(column: str, function: Literal["sum", "avg"], low: float, high: float, bind: Bindings) -> str:
    """Return the condition that the rounded sum or mean of an `exact_sum` is in a range, both ends included.

    An infinite end includes the infinity. False without any number, and for a sum of both infinities.
    """
    infinities = [f"mapContains({column}.4, {key})" for key in (_PLUS_INFINITY, _MINUS_INFINITY)]
    parts = 1 if function == "sum" else f"{column}.1"
    conditions = [f"{column}.1 > 0", f"NOT ({' AND '.join(infinities)})"]
    if low > -math.inf:
        conditions.append(_at_least(column, parts, low, bind))
    if high < math.inf:
        conditions.append(f"NOT {_at_least(column, parts, math.nextafter(high, math.inf), bind)}")
    return " AND ".join(conditions)


def _at_least(column: str, parts: int | str, bound: float, bind: Bindings) -> str:
    """Return the condition that the sum divided by `parts`, rounded, is at least a bound above minus infinity."""
    edge, is_inclusive = _least_that_rounds_to(bound)
    scaled = edge * 2 ** (_UNIT_BITS + _SPARE_BITS)
    integer = math.ceil(scaled) if is_inclusive else math.floor(scaled)
    bound_units = f"{bind.wide(max(-_BEYOND, min(integer, _BEYOND)))} * {parts}"
    units = f"(bitShiftLeft(toInt256({column}.2), {_UNIT_BITS}) + {column}.3)"
    plain = f"bitShiftLeft({units}, {_SPARE_BITS}) {'>=' if is_inclusive else '>'} {bound_units}"
    digits = f"arrayMap(digit -> toInt256(digit), {bind.texts(_digits(edge))})"
    total = f"{column}.4[w] + if(w = {_UNITS_WINDOW}, {units}, toInt256(0))"
    left = f"{total} - digit * {parts}" if is_inclusive else f"digit * {parts} - ({total})"
    # Each window carries what exceeds it; the last carry has the sign of the whole.
    carried = f"bitShiftRight(carry + {left}, {_WINDOW_BITS})"
    sign = f"arrayFold((carry, w, digit) -> {carried}, range({_WINDOWS}), {digits}, toInt256(0))"
    windowed = f"{sign} {'>=' if is_inclusive else '<'} 0"
    infinite = [f"mapContains({column}.4, {_PLUS_INFINITY}), 1", f"mapContains({column}.4, {_MINUS_INFINITY}), 0"]
    return f"multiIf(empty({column}.4), {plain}, {', '.join(infinite)}, {windowed})"


def _least_that_rounds_to(bound: float) -> tuple[Fraction, bool]:
    """Return the point half-way from the double below, and whether it rounds up (to the even mantissa) itself."""
    below = math.nextafter(bound, -math.inf)
    is_even = struct.pack(">d", bound)[-1] % 2 == 0
    return (_real(below) + _real(bound)) / 2, is_even


def _real(number: float) -> Fraction:
    """Return the number itself; for an infinity, the number that would follow the greatest double."""
    return Fraction(number) if math.isfinite(number) else Fraction(2**1024 if number > 0 else -(2**1024))


def _digits(edge: Fraction) -> list[str]:
    """Return an edge as one integer per window, lowest window first, each with the edge's sign."""
    units = edge * 2**_LOWEST_BIT
    magnitude, sign = abs(int(units)), -1 if units < 0 else 1
    digit = 2**_WINDOW_BITS - 1
    return [str(sign * (magnitude >> (window * _WINDOW_BITS) & digit)) for window in range(_WINDOWS)]
