"""Conditions: one module for each row of the language's table."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from segops_language.conditions.aggregate import AggregateFunction, EventAggregate
from segops_language.conditions.base import CountOperator, Occurrence
from segops_language.conditions.count import EventCount
from segops_language.conditions.match import EventMatch
from segops_language.conditions.regularity import EventRegularity
from segops_language.conditions.sample import Sample
from segops_language.conditions.segment import SegmentMembership
from segops_language.conditions.sequence import EventSequence, Step
from segops_language.conditions.time import EventTime
from segops_language.conditions.trait import AnyTrait, HeldFor, TraitCondition, UserProperty

EventCondition = EventCount | EventAggregate | EventTime | EventMatch | EventSequence | EventRegularity
AnyCondition = EventCondition | AnyTrait | SegmentMembership | Sample


Condition = TypeAliasType(
    "Condition",
    Annotated[
        EventCount
        | EventAggregate
        | EventTime
        | EventMatch
        | EventSequence
        | EventRegularity
        | UserProperty
        | SegmentMembership
        | Sample,
        Field(discriminator="type"),
    ],
)

__all__ = [
    "AggregateFunction",
    "AnyCondition",
    "AnyTrait",
    "Condition",
    "CountOperator",
    "EventAggregate",
    "EventCondition",
    "EventCount",
    "EventMatch",
    "EventRegularity",
    "EventSequence",
    "EventTime",
    "HeldFor",
    "Occurrence",
    "Sample",
    "SegmentMembership",
    "Step",
    "TraitCondition",
    "UserProperty",
]
