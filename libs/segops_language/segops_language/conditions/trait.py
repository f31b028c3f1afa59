"""Conditions on a trait of the profile, a model for each family of operators.

Each is also the filter of its family, so that one function gives both their meaning.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypeAliasType

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
from segops_language.values import DurationText


class HeldFor(LanguageModel):
    """How long the trait has kept its present value."""

    operator: Literal["gte", "lt"]
    duration: DurationText


class TraitCondition(LanguageModel):
    """A trait satisfies an operator, and may have to have held its value for a time."""

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
    """The trait holds a substring or an element."""


class AffixTrait(AffixFilter, TraitCondition):
    """The trait begins or ends with a string."""


class PatternTrait(PatternFilter, TraitCondition):
    """The trait matches a pattern."""


class PresenceTrait(PresenceFilter, TraitCondition):
    """The trait is present and not null."""


class InstantTrait(InstantFilter, TraitCondition):
    """The trait is an instant before or after another."""


class RecencyTrait(RecencyFilter, TraitCondition):
    """The trait is an instant within the last so long."""


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
