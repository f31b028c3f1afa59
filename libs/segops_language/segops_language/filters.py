"""Filters: a test of one property of an event, a model for each family of operators."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from segops_language.model import Items, LanguageModel, without_default
from segops_language.operators import (
    AffixOperator,
    BetweenOperator,
    ComparisonOperator,
    ContainmentOperator,
    EqualityOperator,
    InstantOperator,
    OneOfOperator,
    PatternOperator,
    PresenceOperator,
    RecencyOperator,
)
from segops_language.values import (
    Bounds,
    DurationText,
    InstantText,
    Number,
    PathText,
    PatternText,
    Scalar,
    Text,
)

MAX_IN_VALUES: Final = 1000


def _check_in_length(values: object) -> object:
    if isinstance(values, list | tuple) and not 1 <= len(values) <= MAX_IN_VALUES:
        raise PydanticCustomError("wrong-length", "must have 1 to 1000 items")
    return values


ScalarList = Annotated[
    Items[Scalar],
    BeforeValidator(_check_in_length),
    Field(json_schema_extra={"minItems": 1, "maxItems": MAX_IN_VALUES}),
]


class PropertyTest(LanguageModel):
    """The base of filters and trait conditions: the property that they look at."""

    property: PathText
    operator: str


class EqualityFilter(PropertyTest):
    """The property is equal in JSON type and value; 5 and 5.0 are equal."""

    operator: EqualityOperator
    value: Scalar


class OneOfFilter(PropertyTest):
    """The property is equal to one of a list."""

    operator: OneOfOperator
    value: ScalarList


class ComparisonFilter(PropertyTest):
    """The property is a number, or a string that is a JSON number, and compares so, as IEEE doubles."""

    operator: ComparisonOperator
    value: Number


class BetweenFilter(PropertyTest):
    """The property is a number, or a string that is a JSON number, between two numbers, both included."""

    operator: BetweenOperator
    value: Bounds


class ContainmentFilter(PropertyTest):
    """The property is a string that contains the value, or an array with an equal element."""

    operator: ContainmentOperator
    value: Scalar


class AffixFilter(PropertyTest):
    """The property is a string that starts or ends with the value, compared byte by byte."""

    operator: AffixOperator
    value: Text


class PatternFilter(PropertyTest):
    """The property is a string in which an RE2 pattern matches anywhere."""

    operator: PatternOperator
    value: PatternText


class PresenceFilter(PropertyTest):
    """The property is present and not null."""

    operator: PresenceOperator


class InstantFilter(PropertyTest):
    """The property is an instant strictly before or after another."""

    operator: InstantOperator
    value: InstantText


class RecencyFilter(PropertyTest):
    """The property is an instant within a duration before the evaluation instant."""

    operator: RecencyOperator
    value: DurationText


AnyFilter = (
    EqualityFilter
    | OneOfFilter
    | ComparisonFilter
    | BetweenFilter
    | ContainmentFilter
    | AffixFilter
    | PatternFilter
    | PresenceFilter
    | InstantFilter
    | RecencyFilter
)
Filter = TypeAliasType("Filter", Annotated[AnyFilter, Field(discriminator="operator")])

Filters = Annotated[Items[Filter], Field(description="Every filter must hold.")]
Where = Annotated[Filters, Field(exclude_if=lambda filters: not filters, json_schema_extra=without_default)]
