"""Atoms on the values of a property as SQL: how often each occurs, and sums that are exact in any order of the events.

A double is a whole multiple of 2^-1074, so sums of integers are exact. Nearly all values fit into two integers, one of
whole numbers and one of 2^-62; those that do not are summed in windows of 160 bits, by window. No sum is ever rounded:
the bound it is compared with is replaced by the least real number that rounds to the bound or above.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import Final, assert_never

from segops_membership.domain.predicates import (
    AggregatePredicate,
    DistinctCountPredicate,
    PerValueCountPredicate,
    ValuePredicate,
)
from segops_membership.sql.filters import number_sql
from segops_membership.sql.json_paths import Bindings, property_of

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
_FLAG_BITS: Final = 0x7FF8_0000_0000_0002
"""With 0 or 1 added: bits that are no double's of a JSON number."""


def value_measure(atom: ValuePredicate, selected: str, bind: Bindings) -> str:
    """What to know of the values in the selected events: an array for counts, a tuple for sums."""
    match atom:
        case PerValueCountPredicate() | DistinctCountPredicate():
            scalar = bind.share(_scalar(atom.keys, bind))
            return f"arrayEnumerateUniq(groupArrayIf({scalar}, {selected}))"
        case AggregatePredicate():
            return _exact_sum(atom, selected, bind)
        case _:
            assert_never(atom)


def value_verdict(column: str, atom: ValuePredicate, bind: Bindings) -> str:
    """The condition on what is measured; false for a profile without a value."""
    match atom:
        case PerValueCountPredicate(_, _, low, high):
            # The array numbers the occurrences of each value, so as many values occur n times as there are n in it.
            more = "0" if high is None else f"countEqual({column}, {bind.integer(high + 1)})"
            return f"countEqual({column}, {bind.integer(low)}) > {more}"
        case DistinctCountPredicate(_, _, low, high):
            at_least = f"countEqual({column}, 1) >= {bind.integer(low)}"
            return at_least if high is None else f"{at_least} AND countEqual({column}, 1) <= {bind.integer(high)}"
        case AggregatePredicate():
            return _is_between(column, atom, bind)
        case _:
            assert_never(atom)


def _scalar(keys: tuple[str, ...], bind: Bindings) -> str:
    """64 bits that are equal for scalars that are equal, NULL for what is no scalar."""
    found = property_of(keys, bind)
    # 0.0 and -0.0 differ in bits; their sum with 0.0 is 0.0.
    number = f"reinterpretAsUInt64({found.number} + 0.0)"
    return f"coalesce(xxHash64({found.text}), {number}, {_FLAG_BITS} + ({found.flag}))"


def _exact_sum(atom: AggregatePredicate, selected: str, bind: Bindings) -> str:
    """The count, the whole numbers, the rests in 2^-62, and a map from window to sum of the values that do not fit."""
    found = bind.share(number_sql(property_of(atom.keys, bind), bind))
    # What is no number adds 0, which changes no sum.
    number = bind.share(f"ifNull({found}, 0)")
    units = f"{number} * {2**_UNIT_BITS}"
    fits = bind.share(f"abs({number}) < {2**63} AND {units} = trunc({units})")
    # Of an infinity there is no integer, not even one that is not looked at.
    fitting = bind.share(f"if({fits}, {number}, 0)")
    whole = f"toInt128(toInt64({fitting}))"
    rest = f"toInt128(toInt64(({fitting} - trunc({fitting})) * {2**_UNIT_BITS}))"
    window, integer = _windowed(number, bind)
    # Computed only where it is needed, for integers of 256 bits are slow.
    windows = f"if({fits}, CAST(map(), 'Map(UInt8, Int256)'), map({window}, {integer}))"
    sums = (f"sumIf({each}, {selected})" for each in (whole, rest))
    return f"(countIf({selected} AND isNotNull({found})), {', '.join(sums)}, sumMapIf({windows}, {selected}))"


def _windowed(number: str, bind: Bindings) -> tuple[str, str]:
    """The window in which a double begins, and its integer there; an infinity is 1 in a window of its own."""
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


def _is_between(column: str, atom: AggregatePredicate, bind: Bindings) -> str:
    infinities = [f"mapContains({column}.4, {key})" for key in (_PLUS_INFINITY, _MINUS_INFINITY)]
    parts = 1 if atom.function == "sum" else f"{column}.1"
    conditions = [f"{column}.1 > 0", f"NOT ({' AND '.join(infinities)})"]
    if atom.low > -math.inf:
        conditions.append(_at_least(column, parts, atom.low, bind))
    if atom.high < math.inf:
        conditions.append(f"NOT {_at_least(column, parts, math.nextafter(atom.high, math.inf), bind)}")
    return " AND ".join(conditions)


def _at_least(column: str, parts: int | str, bound: float, bind: Bindings) -> str:
    """The condition that the sum over the parts, rounded, is at least a bound above minus infinity."""
    edge, is_inclusive = _least_that_rounds_to(bound)
    scaled = edge * 2 ** (_UNIT_BITS + _SPARE_BITS)
    integer = math.ceil(scaled) if is_inclusive else math.floor(scaled)
    wanted = f"{bind.wide(max(-_BEYOND, min(integer, _BEYOND)))} * {parts}"
    units = f"(bitShiftLeft(toInt256({column}.2), {_UNIT_BITS}) + {column}.3)"
    plain = f"bitShiftLeft({units}, {_SPARE_BITS}) {'>=' if is_inclusive else '>'} {wanted}"
    digits = f"arrayMap(digit -> toInt256(digit), {bind.texts(_digits(edge))})"
    total = f"{column}.4[w] + if(w = {_UNITS_WINDOW}, {units}, toInt256(0))"
    left = f"{total} - digit * {parts}" if is_inclusive else f"digit * {parts} - ({total})"
    # Each window hands on what exceeds it; what the last hands on has the sign of the whole.
    carried = f"bitShiftRight(carry + {left}, {_WINDOW_BITS})"
    sign = f"arrayFold((carry, w, digit) -> {carried}, range({_WINDOWS}), {digits}, toInt256(0))"
    windowed = f"{sign} {'>=' if is_inclusive else '<'} 0"
    infinite = [f"mapContains({column}.4, {_PLUS_INFINITY}), 1", f"mapContains({column}.4, {_MINUS_INFINITY}), 0"]
    return f"multiIf(empty({column}.4), {plain}, {', '.join(infinite)}, {windowed})"


def _least_that_rounds_to(bound: float) -> tuple[Fraction, bool]:
    """Half-way from the double below, and whether it rounds up itself: to the one with the even mantissa."""
    below = math.nextafter(bound, -math.inf)
    is_even = struct.pack(">d", bound)[-1] % 2 == 0
    return (_real(below) + _real(bound)) / 2, is_even


def _real(number: float) -> Fraction:
    """An infinity stands for the number that would follow the greatest double."""
    return Fraction(number) if math.isfinite(number) else Fraction(2**1024 if number > 0 else -(2**1024))


def _digits(edge: Fraction) -> list[str]:
    """An edge in integers for each window, lowest first, all of its sign."""
    units = edge * 2**_LOWEST_BIT
    magnitude, sign = abs(int(units)), -1 if units < 0 else 1
    digit = 2**_WINDOW_BITS - 1
    return [str(sign * (magnitude >> (window * _WINDOW_BITS) & digit)) for window in range(_WINDOWS)]
