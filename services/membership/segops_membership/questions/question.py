"""The records that a condition type fills in: `Question` for the type, `PredicateKind` for each predicate it compiles to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from segops_language.filters import AnyFilter
from segops_language.windows import AnyWindow
from segops_membership.domain.predicates import EventSelection, Expression, Predicate, Reference, StaticListPredicate
from segops_membership.domain.profile import Profile
from segops_membership.domain.selections import event_selection
from segops_membership.sql.parameters import Bindings

C = TypeVar("C")
P = TypeVar("P", bound=Predicate)


@dataclass(frozen=True, slots=True)
class Context:
    """What the meaning of a condition depends on: the instant, its own segment, and the segments compiled before it."""

    as_of_ms: int
    segment_id: int
    references: Mapping[int, Reference]

    def selection(self, event_type: str, where: Iterable[AnyFilter], window: AnyWindow | None = None) -> EventSelection:
        """Return the events that a condition selects."""
        return event_selection(event_type, where, window, self.as_of_ms)


@dataclass(frozen=True, slots=True)
class EventRows:
    """Reads the selected events. All predicates on one event type share a statement."""

    selection: EventSelection


@dataclass(frozen=True, slots=True)
class IdentifyRows:
    """Reads the identify calls up to the instant. All predicates on traits share a statement."""


@dataclass(frozen=True, slots=True)
class Width:
    """Bytes that a statement keeps of each profile, and of each event that it reads."""

    of_profile: int = 0
    of_event: int = 0


Subquery = Callable[[str, str, Bindings], str]


@dataclass(frozen=True, slots=True)
class Decision:
    """Decides profiles from merged events: rows as for `OwnRows`, what to aggregate of them, and the condition on it."""

    subquery: Subquery
    measure: str
    verdict: Callable[[str, Bindings], str]
    width: Width


@dataclass(frozen=True, slots=True)
class OwnRows:
    """Reads rows of its own, in a statement of its own.

    `subquery` takes the placeholder of the tenant, the table of events (merged or not) and the bindings; it returns a
    SELECT with a column `user_key` and the columns that `measure` reads. A profile whose verdict is false is open if
    `is_open` is true of the measure; a second statement decides open profiles.
    """

    subquery: Subquery
    is_open: Callable[[str, Bindings], str]
    decision: Decision


@dataclass(frozen=True, slots=True)
class ProfileRows:
    """Reads the numbered profiles (`user_id`). All predicates on them share a statement."""


@dataclass(frozen=True, slots=True)
class StaticListRows:
    """Reads the changes of a static list. All static lists share a statement."""

    static_list: StaticListPredicate


Rows = EventRows | IdentifyRows | OwnRows | ProfileRows | StaticListRows


@dataclass(frozen=True, slots=True, kw_only=True)
class PredicateKind(Generic[P]):
    """Everything that is specific to one kind of predicate."""

    predicate: type[P]
    rows: Callable[[P], Rows]
    """Which rows the predicate reads; this decides which predicates share a statement."""
    measure: Callable[[P, str, Bindings], str]
    """SQL: what to aggregate of a profile's rows. The second argument is the condition on the rows that count."""
    verdict: Callable[[P, str, Bindings], str]
    """SQL: the condition on the measure (second argument); false for a profile without rows that count."""
    merges: Callable[[P], bool]
    """Whether a second delivery of an event could change the answer, so that events must be merged first."""
    width: Width
    """What the measure keeps while a statement runs."""
    interpret: Callable[[P, Profile], bool]
    """Python: whether the predicate holds for a profile. Independent of the SQL; tests compare the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[C]):
    """Everything that membership knows about one condition type."""

    condition_type: str
    compile: Callable[[C, Context], Expression]
    """The condition as an expression over predicates; its field `negate` is applied by the caller."""
    predicates: tuple[PredicateKind[Any], ...]
    """The kinds of predicates that no other condition type defines; none when it compiles to others' predicates."""


def always_merged(_: Predicate) -> bool:
    """Merge events whatever the predicate is."""
    return True


NOT_KEPT: Final = Width()
"""For a measure that is computed row by row."""
