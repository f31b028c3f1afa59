"""Why a profile is or is not in a segment: the definition's tree with the evaluator's verdicts and what led to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, assert_never

from pydantic import JsonValue

from segops_language.conditions import (
    AnyCondition,
    EventAggregate,
    EventCondition,
    EventCount,
    EventMatch,
    EventRegularity,
    EventSequence,
    EventTime,
    Sample,
    SegmentMembership,
)
from segops_language.conditions.trait import AnyTrait, TraitCondition
from segops_language.events import IDENTIFY_EVENT, Event, in_order
from segops_language.filters import RecencyFilter
from segops_language.groups import Group
from segops_language.reference.evaluate import Profile, listed
from segops_language.reference.evidence import measure
from segops_language.reference.forecast import Course, Effort, course_of, joined
from segops_language.values import EventPattern, path_keys

MAX_EVIDENCE: Final = 10
MAX_EVALUATED: Final = 2_000_000
"""Events times conditions for the verdicts alone."""
_LOOK_AHEAD: Final = 300_000
_Leaf = EventCondition | AnyTrait | Sample


class TooMuch(Exception):
    """The profile has more events than can be gone through for each condition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One node of the tree; `evidence` are the last of the deciding events, by rising time."""

    path: str
    type: str
    negate: bool
    course: Course
    logic: Literal["AND", "OR"] | None = None
    segment_id: int | None = None
    measured: str
    value: JsonValue
    wanted: JsonValue
    missing: str | None
    evidence: Sequence[Event] = ()
    evidence_total: int = 0
    children: Sequence[Explained] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The verdict on a profile, which is a member when the universe knows it and the tree holds."""

    course: Course
    tree: Explained


def explain(profile: Profile, definition: Group) -> Explanation:
    """Explain a definition to a profile of all events that it needs, none later than its instant.

    Raises TooMuch.
    """
    tree = _Explainer(profile).group(profile, definition, "definition")
    known = profile.seen or bool(profile.events)
    inside = known or profile.profile_id in listed(definition, profile.references, profile.lists)
    return Explanation(course=tree.course if inside else Course(False), tree=tree)


@dataclass(slots=True)
class _Explainer:
    everything: Profile
    by_type: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    segments: dict[int, Course] = field(default_factory=dict)
    effort: Effort = field(default_factory=lambda: Effort(_LOOK_AHEAD))
    evaluated: int = 0

    def __post_init__(self) -> None:
        for event in self.everything.events:
            self.by_type[event.event_type].append(event)

    def group(self, profile: Profile, group: Group, path: str) -> Explained:
        children = [self.node(profile, node, f"{path}.conditions[{i}]") for i, node in enumerate(group.conditions)]
        course = joined(group, [child.course for child in children])
        holding = sum(child.course.holds for child in children)
        wanted = len(children) if group.logic == "AND" else 1
        requirement = f"{'all' if group.logic == 'AND' else 'one'} of its {len(children)} conditions"
        return Explained(
            path=path,
            type="group",
            logic=group.logic,
            negate=group.negate,
            course=course,
            measured=f"{holding} of {len(children)} hold",
            value=holding,
            wanted=wanted,
            missing=_missing(requirement, course, group.negate),
            children=children,
        )

    def node(self, profile: Profile, node: Group | AnyCondition, path: str) -> Explained:
        if isinstance(node, Group):
            return self.group(profile, node, path)
        if isinstance(node, SegmentMembership):
            return self.segment(profile, node, path)
        narrowed, rest = self.narrowed(profile, node)
        course = course_of(narrowed, rest, self.effort)
        found = measure(replace(profile, events=narrowed.events), node)
        return Explained(
            path=path,
            type=node.type,
            negate=node.negate,
            course=course,
            measured=found.text,
            value=found.value,
            wanted=found.wanted,
            missing=_missing(found.requirement, course, node.negate),
            evidence=sorted(found.events, key=in_order)[-MAX_EVIDENCE:],
            evidence_total=len(found.events),
        )

    def segment(self, profile: Profile, node: SegmentMembership, path: str) -> Explained:
        """The tree of a segment stands where it is met first; a static one has none."""
        inner: list[Explained] = []
        segment_id = node.segment_id
        if segment_id not in self.segments:
            if segment_id in profile.lists:
                self.segments[segment_id] = Course(profile.profile_id in profile.lists[segment_id])
            else:
                definition = profile.references[segment_id]
                tree = self.group(replace(profile, segment_id=segment_id), definition, f"{path}.definition")
                inside = bool(profile.events) or profile.seen
                inside = inside or profile.profile_id in listed(definition, profile.references, profile.lists)
                self.segments[segment_id] = tree.course if inside else Course(False)
                inner.append(tree)
        inside_course = self.segments[segment_id]
        course = inside_course.negated(node.negate)
        a_member = f"{'a' if inside_course.holds else 'no'} member of segment {segment_id}"
        return Explained(
            path=path,
            type=node.type,
            segment_id=segment_id,
            negate=node.negate,
            course=course,
            measured=a_member,
            value=inside_course.holds,
            wanted=True,
            missing=_missing(f"membership of segment {segment_id}", course, node.negate),
            children=inner,
        )

    def narrowed(self, profile: Profile, node: _Leaf) -> tuple[Profile, _Leaf]:
        """The events that may ever count for a condition, and what is left to ask of them as time passes."""
        match node:
            case EventCount() | EventAggregate() | EventTime() | EventMatch() | EventRegularity():
                events = self.of_type(node.event_type)
                fixed = tuple(check for check in node.where if not isinstance(check, RecencyFilter))
                moving = tuple(check for check in node.where if isinstance(check, RecencyFilter))
                found = replace(profile, events=events).matching(node.event_type, fixed, None)
                return replace(profile, events=found), node.model_copy(update={"where": moving})
            case EventSequence():
                types = dict.fromkeys(step.event_type for step in node.steps)
                found = list({id(event): event for each in types for event in self.of_type(each)}.values())
                return replace(profile, events=found), node
            case TraitCondition():
                key = path_keys(node.property)[0]
                return replace(profile, events=[e for e in self.of_type(IDENTIFY_EVENT) if key in e.payload]), node
            case Sample():
                return replace(profile, events=()), node
            case _:
                assert_never(node)

    def of_type(self, event_type: str) -> list[Event]:
        pattern = EventPattern.parse(event_type)
        if pattern.exact:
            found = self.by_type.get(pattern.text, [])
        else:
            found = [event for name, each in self.by_type.items() if pattern.matches(name) for event in each]
        self.evaluated += len(found)
        if self.evaluated > MAX_EVALUATED:
            raise TooMuch
        return found


def _missing(requirement: str, course: Course, negate: bool) -> str | None:
    if course.holds:
        return None
    return f"not {requirement}" if negate else requirement
