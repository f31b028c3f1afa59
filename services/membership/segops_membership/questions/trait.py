"""`user_property`: what a trait of a profile is, and how long it has kept its value."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import JsonValue

from segops_language.conditions import AnyTrait
from segops_membership.domain.predicates import AllOf, Expression, Not, Predicate, Present, Test, negated_if
from segops_membership.domain.profile import Profile
from segops_membership.domain.property_values import passes, value_at
from segops_membership.domain.selections import property_check
from segops_membership.questions.question import (
    Context,
    IdentifyRows,
    PredicateKind,
    Question,
    Width,
    always_merged,
)
from segops_membership.sql.filters import condition_sql
from segops_membership.sql.json_paths import (
    JSON_TOKENS,
    empty_objects_in,
    is_empty_object,
    property_of,
    raw_object,
    trait_present,
)
from segops_membership.sql.parameters import Bindings
from segops_membership.sql.selections import order_key


@dataclass(frozen=True, slots=True)
class TraitPredicate(Predicate):
    """Profiles whose trait, as of the run's instant, passes the test."""

    keys: tuple[str, ...]
    test: Test


@dataclass(frozen=True, slots=True)
class HeldSincePredicate(Predicate):
    """Profiles with a value, not null, at `keys` of their traits that they have had since `since_ms` or before."""

    keys: tuple[str, ...]
    since_ms: int


def _compile(condition: AnyTrait, context: Context) -> Expression:
    check = property_check(condition, context.as_of_ms)
    passing = negated_if(check.negated, TraitPredicate(check.keys, check.test))
    if condition.held_for is None:
        return passing
    held = HeldSincePredicate(check.keys, context.as_of_ms - condition.held_for.duration.milliseconds)
    if condition.held_for.operator == "gte":
        return AllOf((passing, held))
    return AllOf((passing, TraitPredicate(check.keys, Present()), Not(held)))


def _measure(predicate: TraitPredicate, _: str, bind: Bindings) -> str:
    sets = trait_present(predicate.keys[0], bind)
    return (
        f"argMaxIf({condition_sql(predicate.keys, predicate.test, bind)}, {order_key(bind, of_one_type=True)}, {sets})"
    )


def _verdict(_: TraitPredicate, column: str, __: Bindings) -> str:
    return f"{column} = 1"


def _interpret(predicate: TraitPredicate, profile: Profile) -> bool:
    calls = profile.identify_calls(predicate.keys[0])
    return bool(calls) and passes(value_at(calls[-1].payload, predicate.keys), predicate.test)


def _measure_held(predicate: HeldSincePredicate, _: str, bind: Bindings) -> str:
    """Return the value at the instant, '' for none, and up to two of the values that were set after it."""
    value = bind.share(_canonical(predicate.keys, bind))
    sets = bind.share(trait_present(predicate.keys[0], bind))
    since = bind.instant(predicate.since_ms)
    then = f"argMaxIf({value}, {order_key(bind, of_one_type=True)}, {sets} AND timestamp <= {since})"
    return f"({then}, groupUniqArrayIf(2)({value}, {sets} AND timestamp > {since}))"


def _verdict_held(_: HeldSincePredicate, column: str, __: Bindings) -> str:
    return f"{column}.1 != '' AND arrayAll(value -> value = {column}.1, {column}.2)"


def _canonical(keys: tuple[str, ...], bind: Bindings) -> str:
    """Return a text that is equal for equal values; numbers equal as doubles are written alike; '' for no value.

    It begins with a letter for the type. The keys of an object are sorted.
    """
    value = property_of(keys, bind)
    inside = bind.share(raw_object(keys, bind))
    empty = bind.share(f"arrayStringConcat({empty_objects_in(keys, bind)}, ',')")
    number = _number_text(f"ifNull({value.number}, 0)")
    members = _composite(f"if({inside} = '', '{{}}', {inside})", bind)
    return (
        f"multiIf(isNotNull({value.text}), concat('s', ifNull({value.text}, '')),"
        f" isNotNull({value.number}), concat('n', {number}),"
        f" isNotNull({value.flag}), if(ifNull({value.flag}, false), 't', 'f'),"
        f" {value.array} != '', concat('a', {_composite(value.array, bind)}, {empty}),"
        f" {inside} != '' OR {is_empty_object(keys, bind)},"
        f" concat('o', {members}, {empty}), '')"
    )


def _composite(text: str, bind: Bindings) -> str:
    token = f"if(match(token, '^[-0-9]'), {_number_text('toFloat64OrZero(token)')}, token)"
    return f"arrayStringConcat(arrayMap(token -> {token}, extractAll({text}, {bind.text(JSON_TOKENS)})))"


def _number_text(number: str) -> str:
    """Return a number as text, without the sign of a zero."""
    return f"toString({number} + 0.0)"


def _interpret_held(predicate: HeldSincePredicate, profile: Profile) -> bool:
    calls = profile.identify_calls(predicate.keys[0])
    before = [call for call in calls if call.timestamp_ms <= predicate.since_ms]
    after = [call for call in calls if call.timestamp_ms > predicate.since_ms]
    if not before:
        return False
    value = _comparable(value_at(before[-1].payload, predicate.keys))
    return value is not None and all(_comparable(value_at(call.payload, predicate.keys)) == value for call in after)


def _comparable(value: JsonValue) -> object:
    """Return a value so that equal ones compare equal: typed scalars, numbers as doubles, objects without nulls."""
    match value:
        case None:
            return None
        case bool():
            return "flag", value
        case int() | float():
            return "number", float(value)
        case str():
            return "text", value
        case list():
            return "array", tuple(map(_comparable, value))
        case dict():
            return "object", {key: _comparable(inner) for key, inner in value.items() if inner is not None}


QUESTION = Question(
    condition_type="user_property",
    compile=_compile,
    predicates=(
        PredicateKind(
            predicate=TraitPredicate,
            rows=lambda _: IdentifyRows(),
            measure=_measure,
            verdict=_verdict,
            merges=always_merged,
            width=Width(128),
            interpret=_interpret,
        ),
        PredicateKind(
            predicate=HeldSincePredicate,
            rows=lambda _: IdentifyRows(),
            measure=_measure_held,
            verdict=_verdict_held,
            merges=always_merged,
            width=Width(512),
            interpret=_interpret_held,
        ),
    ),
)
