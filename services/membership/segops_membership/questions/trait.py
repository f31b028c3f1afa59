"""How long a trait has kept its value, as SQL: it had the value at an instant, and nothing else was set since."""

from __future__ import annotations

from typing import Final

from segops_membership.domain.predicates import HeldSincePredicate
from segops_membership.sql.json_paths import Bindings, property_of, raw_object, trait_present
from segops_membership.sql.selections import ORDER_KEY

_TOKENS: Final = r'"(?:[^"\\]|\\.)*"|[^",:\[\]{}]+|[\[\]{},:]'
"""What JSON text without spaces is made of: strings, then all other values, then marks."""


def held_measure(atom: HeldSincePredicate, bind: Bindings) -> str:
    """The value at the instant, '' for none, and up to two of the values that were set after it."""
    value = bind.share(_canonical(atom.keys, bind))
    says = bind.share(trait_present(atom.keys[0], bind))
    at = bind.instant(atom.since_ms)
    then = f"argMaxIf({value}, {ORDER_KEY}, {says} AND timestamp <= {at})"
    return f"({then}, groupUniqArrayIf(2)({value}, {says} AND timestamp > {at}))"


def held_verdict(column: str) -> str:
    """The condition on what is measured."""
    return f"{column}.1 != '' AND arrayAll(value -> value = {column}.1, {column}.2)"


def _canonical(keys: tuple[str, ...], bind: Bindings) -> str:
    """A text that is equal for equal values, in which numbers that are equal as doubles are written alike; '' for no value.

    It begins with a letter for the type. The keys of an object come sorted.
    """
    found = property_of(keys, bind)
    inside = bind.share(raw_object(keys, bind))
    number = _number_text(f"ifNull({found.number}, 0)")
    return (
        f"multiIf(isNotNull({found.text}), concat('s', ifNull({found.text}, '')),"
        f" isNotNull({found.number}), concat('n', {number}),"
        f" isNotNull({found.flag}), if(ifNull({found.flag}, false), 't', 'f'),"
        f" {found.array} != '', concat('a', {_composite(found.array, bind)}),"
        f" {inside} NOT IN ('', '{{}}'), concat('o', {_composite(inside, bind)}), '')"
    )


def _composite(text: str, bind: Bindings) -> str:
    token = f"if(match(token, '^[-0-9]'), {_number_text('toFloat64OrZero(token)')}, token)"
    return f"arrayStringConcat(arrayMap(token -> {token}, extractAll({text}, {bind.text(_TOKENS)})))"


def _number_text(number: str) -> str:
    """Without the sign of a zero."""
    return f"toString({number} + 0.0)"
