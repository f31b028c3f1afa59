"""How long a trait has kept its value, as SQL: it had the value at an instant, and nothing else was set since."""

from __future__ import annotations

from segops_membership.adapters.sql_properties import Bindings, property_of, raw_object, trait_present
from segops_membership.domain.plan import HeldAtom


def held_measure(atom: HeldAtom, bind: Bindings) -> str:
    """The value at the instant, '' for none, and up to two of the values that were set after it."""
    value = bind.share(_canonical(atom.keys, bind))
    says = bind.share(trait_present(atom.keys[0], bind))
    at = bind.instant(atom.since_ms)
    then = f"argMaxIf({value}, (timestamp, message_id), {says} AND timestamp <= {at})"
    return f"({then}, groupUniqArrayIf(2)({value}, {says} AND timestamp > {at}))"


def held_verdict(column: str) -> str:
    """The condition on what is measured."""
    return f"{column}.1 != '' AND arrayAll(value -> value = {column}.1, {column}.2)"


def _canonical(keys: tuple[str, ...], bind: Bindings) -> str:
    """A text that is equal for equal values: by a letter for the type, with 5 and 5.0 written alike; '' for no value."""
    found = property_of(keys, bind)
    inside = bind.share(raw_object(keys, bind))
    return (
        f"multiIf(isNotNull({found.text}), concat('s', ifNull({found.text}, '')),"
        f" isNotNull({found.number}), concat('n', toString(ifNull({found.number}, 0) + 0.0)),"
        f" isNotNull({found.flag}), if(ifNull({found.flag}, false), 't', 'f'),"
        f" {found.array} != '', concat('a', {found.array}),"
        f" {inside} NOT IN ('', '{{}}'), concat('o', {inside}), '')"
    )
