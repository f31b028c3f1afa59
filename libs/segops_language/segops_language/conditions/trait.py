"""`user_property`: conditions on a trait of the profile, a model for each family of operators.

Each is also the filter of its family, so that one function gives both their meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue
from typing_extensions import TypeAliasType

from segops_language.canonical import to_json
from segops_language.conditions.base import (
    Condition,
    Evidence,
    Kind,
    ProfileView,
    no_other_events,
    no_reads,
    not_constant,
)
from segops_language.events import IDENTIFY_EVENT, in_order
from segops_language.filters import (
    AffixFilter,
    BetweenFilter,
    ComparisonFilter,
    ContainmentFilter,
    EqualityFilter,
    InstantFilter,
    OneOfFilter,
    PatternFilter,
    PresenceFilter,
    RecencyFilter,
)
from segops_language.model import LanguageModel, Negate, Optional
from segops_language.text.parts import filter_text
from segops_language.text.phrases import duration_phrase, name_phrase, operator_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import DurationText, format_instant, path_keys
from segops_language.values.instants import from_ms
from segops_language.values.json import look_up, same, shortened


class HeldFor(LanguageModel):
    """How long the trait has kept its present value."""

    operator: Literal["gte", "lt"]
    duration: DurationText


class TraitCondition(Condition):
    """A trait satisfies an operator and, with `held_for`, has kept its value for a time."""

    type: Literal["user_property"]
    held_for: Optional[HeldFor] = None
    negate: Negate = False


class EqualityTrait(EqualityFilter, TraitCondition):
    """The trait is equal to a value."""


class OneOfTrait(OneOfFilter, TraitCondition):
    """The trait is equal to one of a list."""


class ComparisonTrait(ComparisonFilter, TraitCondition):
    """The trait compares with a number."""


class BetweenTrait(BetweenFilter, TraitCondition):
    """The trait lies between two numbers."""


class ContainmentTrait(ContainmentFilter, TraitCondition):
    """The trait contains a substring or an element."""


class AffixTrait(AffixFilter, TraitCondition):
    """The trait starts or ends with a string."""


class PatternTrait(PatternFilter, TraitCondition):
    """The trait matches a pattern."""


class PresenceTrait(PresenceFilter, TraitCondition):
    """The trait is present and not null."""


class InstantTrait(InstantFilter, TraitCondition):
    """The trait is an instant before or after another."""


class RecencyTrait(RecencyFilter, TraitCondition):
    """The trait is an instant within a duration before the evaluation instant."""


AnyTrait = (
    EqualityTrait
    | OneOfTrait
    | ComparisonTrait
    | BetweenTrait
    | ContainmentTrait
    | AffixTrait
    | PatternTrait
    | PresenceTrait
    | InstantTrait
    | RecencyTrait
)
UserProperty = TypeAliasType("UserProperty", Annotated[AnyTrait, Field(discriminator="operator")])


def kept_since(history: Iterable[tuple[int, JsonValue]]) -> int | None:
    """Return when the present value was set; None without a value. `history` must be ascending by time."""
    since: int | None = None
    present: JsonValue = None
    for at, value in history:
        if value is None or present is None or not same(value, present):
            since = None if value is None else at
        present = value
    return since


def _holds(condition: AnyTrait, profile: ProfileView) -> bool:
    if not profile.passes(condition, profile.traits()):
        return False
    return condition.held_for is None or _has_held(condition.property, condition.held_for, profile)


def _has_held(path: str, held_for: HeldFor, profile: ProfileView) -> bool:
    since_ms = kept_since(profile.trait_history(path))
    if since_ms is None:
        return False
    is_long = profile.as_of_ms - since_ms >= held_for.duration.milliseconds
    return is_long == (held_for.operator == "gte")


def _change_points(condition: AnyTrait) -> Sequence[int]:
    return () if condition.held_for is None else (condition.held_for.duration.milliseconds,)


def _evidence(condition: AnyTrait, profile: ProfileView) -> Evidence:
    keys = path_keys(condition.property)
    value = look_up(profile.traits(), keys)
    document = to_json(condition)
    target = document.get("value", True)
    requirement = f"{condition.property} {condition.operator.replace('_', ' ')}"
    requirement += f" {shortened(target)}" if "value" in document else ""
    text = "not set" if value is None else shortened(value)
    if condition.held_for is not None:
        requirement += f", held for {_length(condition.held_for)} {condition.held_for.duration}"
        since_ms = kept_since(profile.trait_history(condition.property))
        text += "" if since_ms is None else f" since {format_instant(from_ms(since_ms))}"
    setting = [event for event in profile.events if event.event_type == IDENTIFY_EVENT and keys[0] in event.payload]
    last = sorted(setting, key=in_order)[-1:]
    return Evidence(value=value, target=target, text=text, requirement=requirement, events=last)


def _length(held_for: HeldFor) -> str:
    return "at least" if held_for.operator == "gte" else "less than"


def _phrase(condition: AnyTrait) -> str:
    clause = f"whose {name_phrase(condition.property)} {operator_phrase(condition)}"
    held = condition.held_for
    if held is None:
        return clause
    return f"{clause} and has been the same for {_length(held)} {duration_phrase(str(held.duration))}"


def _write(condition: AnyTrait) -> str:
    held = condition.held_for
    return f"trait {filter_text(condition)}" + ("" if held is None else f" held {held.operator} {held.duration}")


def _starts(reader: TokenReader) -> bool:
    return reader.peek() == "trait"


def _read(reader: TokenReader) -> dict[str, Any]:
    reader.take("trait")
    document: dict[str, Any] = {"type": "user_property"} | reader.filter()
    if reader.take_if("held"):
        document["held_for"] = {"operator": reader.word(), "duration": reader.duration()}
    return document


KIND: Kind[Any] = Kind(
    name="user_property",
    model=TraitCondition,
    schema=UserProperty,
    holds=_holds,
    reads=no_reads,
    other_events=no_other_events,
    change_points=_change_points,
    evidence=_evidence,
    constant=not_constant,
    phrase=_phrase,
    write=_write,
    starts=_starts,
    read=_read,
    examples=(
        {"type": "user_property", "property": "plan", "operator": "eq", "value": "starter"},
        {
            "type": "user_property",
            "property": "address.city",
            "operator": "not_exists",
            "held_for": {"operator": "lt", "duration": "3d"},
            "negate": True,
        },
    ),
)
