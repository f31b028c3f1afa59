"""Scalars as SQL values that are equal exactly when the scalars are."""

from __future__ import annotations

from typing import Final

from segops_membership.sql.json_paths import property_of
from segops_membership.sql.parameters import Bindings

_FLAG_BITS: Final = 0x7FF8_0000_0000_0002
"""With 0 or 1 added: the bits of a NaN, which no JSON number has."""


def scalar_bits(keys: tuple[str, ...], bind: Bindings) -> str:
    """Return 64 bits of the scalar at `keys`, equal for equal scalars; NULL for any other value."""
    value = property_of(keys, bind)
    # 0.0 and -0.0 differ in bits; their sum with 0.0 is 0.0.
    number = f"reinterpretAsUInt64({value.number} + 0.0)"
    return f"coalesce(xxHash64({value.text}), {number}, {_FLAG_BITS} + ({value.flag}))"


def occurrences(keys: tuple[str, ...], selected: str, bind: Bindings) -> str:
    """Return the array that numbers the occurrences of each scalar in the selected events.

    As many different scalars occur at least n times as there are n in it.
    """
    scalar = bind.share(scalar_bits(keys, bind))
    return f"arrayEnumerateUniq(groupArrayIf({scalar}, {selected}))"
