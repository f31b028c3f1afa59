"""What every type of condition must say about itself, and what several types share.

A condition type is one module of this package: a model and its `KIND`. `registry` finds the modules; nothing lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, Protocol, Self, TypeVar

from pydantic import Field, JsonValue, model_validator

from segops_language.events import Event
from segops_language.filters import AnyFilter
from segops_language.model import LanguageModel, fault_at
from segops_language.operators import JsonType
from segops_language.text.tokens import TokenReader
from segops_language.values import MAX_INTEGER
from segops_language.windows import AnyWindow

Occurrence = Literal["first", "last"]
"""The first or last event in the order of events, `events.in_order`."""

Whole = Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class Condition(LanguageModel):
    """The base of every condition."""

    if TYPE_CHECKING:
        # For type checkers only: pydantic would put inherited fields before a model's own in stored JSON.
        type: str
        negate: bool


class EventSelector(LanguageModel):
    """The base of every model that selects events: its type and its filters are found through this class."""

    if TYPE_CHECKING:
        event_type: str
        where: tuple[AnyFilter, ...]


class Compared(LanguageModel):
    """The base of conditions that compare a number with `value`."""

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        operator: object = getattr(self, "operator", None)
        if isinstance(getattr(self, "value", None), tuple) != (operator == "between"):
            raise fault_at("value", "wrong-type", "must be [low, high] for `between`, and a number for other operators")
        return self


class ProfileView(Protocol):
    """One profile as of an instant, as conditions see it."""

    @property
    def profile_id(self) -> str: ...
    @property
    def segment_id(self) -> int: ...
    @property
    def as_of_ms(self) -> int: ...
    @property
    def events(self) -> Collection[Event]: ...

    def matching(self, event_type: str, where: Iterable[AnyFilter], window: AnyWindow | None = None) -> list[Event]:
        """Return the events of a type in a window that pass every filter, in no order."""
        ...

    def passes(self, check: AnyFilter, properties: dict[str, JsonValue]) -> bool:
        """Return whether the properties satisfy the filter."""
        ...

    def traits(self) -> dict[str, JsonValue]:
        """Return the latest value of each trait; null where it was removed."""
        ...

    def trait_history(self, path: str) -> Iterator[tuple[int, JsonValue]]:
        """Yield the time and the value of a path each time that its first key was set or removed, oldest first."""
        ...

    def is_member(self, segment_id: int) -> bool:
        """Return whether the profile is a member of another segment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What decided a condition; `requirement` is what the condition demands, without its negation."""

    value: JsonValue
    target: JsonValue
    text: str
    requirement: str
    events: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class PropertyRead:
    """A property that a condition reads from its events without filtering by it."""

    field: str
    """The field of the condition that names the property."""
    event_type: str
    property: str
    types: frozenset[JsonType]
    """The JSON types of values that count."""
    purpose: str
    """What the values are read for, as users write it."""


C = TypeVar("C", bound=Condition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[C]):
    """Everything that the language needs to know about one type of condition.

    Selectors of events, filters and referenced segments are not here: `walk` finds them in the models themselves.
    """

    name: str
    """The value of `type`."""
    model: type[C]
    """The class of its conditions."""
    schema: object
    """What a document is validated against: the model, or a union of its subclasses."""
    holds: Callable[[C, ProfileView], bool]
    """Whether the condition, without its negation, is true for a profile."""
    reads: Callable[[C], Sequence[PropertyRead]]
    """The properties that it reads from events outside of filters."""
    other_events: Callable[[C], Sequence[str]]
    """The event types, or patterns of them, that it looks at besides the types of its selectors."""
    change_points: Callable[[C], Sequence[int]]
    """The ages in milliseconds at which an event enters or leaves what the condition looks at."""
    evidence: Callable[[C, ProfileView], Evidence]
    """What decided the condition for a profile."""
    constant: Callable[[C], bool | None]
    """What the condition, without its negation, is for every profile; None when that depends on the profile."""
    phrase: Callable[[C], str]
    """A relative clause after "users": `who did …`, `whose … is …`."""
    write: Callable[[C], str]
    """Its text form, one line, without its negation."""
    starts: Callable[[TokenReader], bool]
    """Whether the next tokens of a text begin such a condition; true for one kind only."""
    read: Callable[[TokenReader], dict[str, Any]]
    """Reads its text form into a document; the inverse of `write`."""
    examples: Sequence[Mapping[str, Any]]
    """Documents that show every field, for tests and documentation."""


def no_reads(_: Condition) -> Sequence[PropertyRead]:
    """Return no properties, for types that read them in filters only."""
    return ()


def no_other_events(_: Condition) -> Sequence[str]:
    """Return no event types, for types that look at the events that they select only."""
    return ()


def no_change_points(_: Condition) -> Sequence[int]:
    """Return no ages, for types that do not depend on the age of events."""
    return ()


def not_constant(_: Condition) -> None:
    """Return None, for types that always depend on the profile."""
    return
