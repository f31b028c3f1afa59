"""Explains why a profile is or is not in a segment: the definition's tree with verdicts, evidence and forecasts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from pydantic import JsonValue

from segops_language.conditions.base import Condition, EventSelector, Evidence
from segops_language.conditions.segment import SegmentMembership, membership_evidence
from segops_language.events import Event, in_order
from segops_language.filters import PropertyTest, RecencyFilter
from segops_language.groups import Group
from segops_language.reference.evaluate import EvaluatedProfile
from segops_language.reference.forecast import EvaluationBudget, Forecast, combined, forecast_of
from segops_language.registry import kind_of
from segops_language.values import EventPattern, path_keys
from segops_language.walk import event_types_of, selectors_of

MAX_EVENTS: Final = 10
"""The number of deciding events that a node shows."""
MAX_EVALUATED: Final = 2_000_000
"""Events times conditions, for the verdicts alone."""
_FORECAST_EVENTS: Final = 300_000


class TooManyEvaluations(Exception):
    """The profile has too many events to evaluate every condition on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One node of the tree; `events` are the last of the deciding events, ascending by time."""

    path: str
    type: str
    negate: bool
    forecast: Forecast
    logic: Literal["AND", "OR"] | None = None
    segment_id: int | None = None
    evidence: str
    value: JsonValue
    target: JsonValue
    unmet: str | None
    events: Sequence[Event] = ()
    event_count: int = 0
    children: Sequence[Explained] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The verdict on a profile, which is a member if the universe contains it and the tree is true."""

    forecast: Forecast
    tree: Explained


def explain(profile: EvaluatedProfile, definition: Group) -> Explanation:
    """Explain a definition to a profile that has all events it needs, none later than its instant.

    Raises TooManyEvaluations.
    """
    tree = _Explainer(profile).group(profile, definition, "definition")
    return Explanation(forecast=tree.forecast if profile.is_known_to(definition) else Forecast(False), tree=tree)


def forecasts(profile: EvaluatedProfile, segment_ids: Iterable[int]) -> Mapping[int, Forecast]:
    """Return the forecast of each segment's verdict on a profile, whose references and lists have these segments.

    The segments share the limits of one explanation. Raises TooManyEvaluations.
    """
    explainer = _Explainer(profile)
    for segment_id in segment_ids:
        explainer.segment(profile, SegmentMembership(type="segment", segment_id=segment_id), "")
    return explainer.segments


@dataclass(slots=True)
class _Explainer:
    whole: EvaluatedProfile
    by_type: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    segments: dict[int, Forecast] = field(default_factory=dict)
    budget: EvaluationBudget = field(default_factory=lambda: EvaluationBudget(_FORECAST_EVENTS))
    evaluated: int = 0

    def __post_init__(self) -> None:
        for event in self.whole.events:
            self.by_type[event.event_type].append(event)

    def group(self, profile: EvaluatedProfile, group: Group, path: str) -> Explained:
        children = [self.node(profile, node, f"{path}.conditions[{i}]") for i, node in enumerate(group.conditions)]
        forecast = combined(group, [child.forecast for child in children])
        holding = sum(child.forecast.holds for child in children)
        many = f"{'all' if group.logic == 'AND' else 'one'} of its {len(children)} conditions"
        return Explained(
            path=path,
            type="group",
            logic=group.logic,
            negate=group.negate,
            forecast=forecast,
            evidence=f"{holding} of {len(children)} hold",
            value=holding,
            target=len(children) if group.logic == "AND" else 1,
            unmet=_unmet(many if len(children) > 1 else "its condition", forecast, group.negate),
            children=children,
        )

    def node(self, profile: EvaluatedProfile, node: Group | Condition, path: str) -> Explained:
        if isinstance(node, Group):
            return self.group(profile, node, path)
        if isinstance(node, SegmentMembership):
            return self.segment(profile, node, path)
        narrowed, rest = self.narrowed(profile, node)
        evidence = kind_of(node).evidence(node, narrowed)
        return _explained(node, path, evidence, forecast_of(narrowed, rest, self.budget))

    def segment(self, profile: EvaluatedProfile, node: SegmentMembership, path: str) -> Explained:
        """Explain a reference; the tree of the segment is shown where it occurs first, and a static segment has none."""
        inner: list[Explained] = []
        segment_id = node.segment_id
        if segment_id not in self.segments:
            if segment_id in profile.lists:
                self.segments[segment_id] = Forecast(profile.profile_id in profile.lists[segment_id])
            else:
                definition = profile.references[segment_id]
                tree = self.group(replace(profile, segment_id=segment_id), definition, f"{path}.definition")
                self.segments[segment_id] = tree.forecast if profile.is_known_to(definition) else Forecast(False)
                inner.append(tree)
        membership = self.segments[segment_id]
        evidence = membership_evidence(segment_id, membership.holds)
        explained = _explained(node, path, evidence, membership.negated(node.negate))
        return replace(explained, segment_id=segment_id, children=inner)

    def narrowed(self, profile: EvaluatedProfile, node: Condition) -> tuple[EvaluatedProfile, Condition]:
        """Return the profile with the events that may ever count, and what to evaluate on them as time passes."""
        events = self.of_types(event_types_of(node))
        if isinstance(node, PropertyTest):
            key = path_keys(node.property)[0]
            return replace(profile, events=[event for event in events if key in event.payload]), node
        if not isinstance(node, EventSelector) or len(list(selectors_of(node))) > 1:
            return replace(profile, events=events), node
        fixed = tuple(check for check in node.where if not isinstance(check, RecencyFilter))
        moving = tuple(check for check in node.where if isinstance(check, RecencyFilter))
        passing = replace(profile, events=events).matching(node.event_type, fixed)
        return replace(profile, events=passing), node.model_copy(update={"where": moving})

    def of_types(self, event_types: Sequence[str]) -> list[Event]:
        patterns = [EventPattern.parse(event_type) for event_type in event_types]
        events = [
            event
            for name, of_name in self.by_type.items()
            if any(pattern.matches(name) for pattern in patterns)
            for event in of_name
        ]
        self.evaluated += len(events)
        if self.evaluated > MAX_EVALUATED:
            raise TooManyEvaluations
        return events


def _explained(node: Condition, path: str, evidence: Evidence, forecast: Forecast) -> Explained:
    return Explained(
        path=path,
        type=node.type,
        negate=node.negate,
        forecast=forecast,
        evidence=evidence.text,
        value=evidence.value,
        target=evidence.target,
        unmet=_unmet(evidence.requirement, forecast, node.negate),
        events=sorted(evidence.events, key=in_order)[-MAX_EVENTS:],
        event_count=len(evidence.events),
    )


def _unmet(requirement: str, forecast: Forecast, negate: bool) -> str | None:
    if forecast.holds:
        return None
    return f"not {requirement}" if negate else requirement
