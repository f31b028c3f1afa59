"""The types of condition: a module each, found by `segops_language.registry`."""

from __future__ import annotations

from segops_language.conditions.aggregate import AggregateFunction, EventAggregate
from segops_language.conditions.base import Condition, EventSelector, Evidence, Kind, Occurrence
from segops_language.conditions.count import EventCount
from segops_language.conditions.match import EventMatch
from segops_language.conditions.regularity import EventRegularity
from segops_language.conditions.sample import Sample
from segops_language.conditions.segment import SegmentMembership
from segops_language.conditions.sequence import EventSequence, Step
from segops_language.conditions.time import EventTime
from segops_language.conditions.trait import AnyTrait, HeldFor, TraitCondition, UserProperty
from segops_language.operators import CountOperator

__all__ = [
    "AggregateFunction",
    "AnyTrait",
    "Condition",
    "CountOperator",
    "EventAggregate",
    "EventCount",
    "EventMatch",
    "EventRegularity",
    "EventSelector",
    "EventSequence",
    "EventTime",
    "Evidence",
    "HeldFor",
    "Kind",
    "Occurrence",
    "Sample",
    "SegmentMembership",
    "Step",
    "TraitCondition",
    "UserProperty",
]
