"""Warns about filters that do not fit the values which a property has, counted in a sample of events.

Values that an operator cannot read never satisfy it, and always satisfy its complement: `not_within_last` holds for every
user whose date cannot be read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from pydantic import BaseModel, ConfigDict

from segops_language.faults import LanguageFault
from segops_language.filters import PropertyTest
from segops_language.groups import Group
from segops_language.operators import OPERATORS
from segops_language.values import EventPattern
from segops_language.values.json import shortened
from segops_language.walk import conditions_in, filters_of

MAX_TEXTS: Final = 20
MAX_TEXT_CHARS: Final = 200
MAX_PROPERTIES: Final = 50
"""The most properties of one definition that are compared with values."""
_SIMILARITY: Final = 0.7
_INSTANTS: Final = frozenset(["instant", "duration"])
_ORDER: Final = frozenset(["number", "bounds"])
_EQUALITY: Final = frozenset(["scalar", "list"])
Property = tuple[str, str]
"""An exact event type, and a path into its payload; traits belong to the identify event."""


class ValueCounts(BaseModel):
    """How many values of a property a sample has, by what they are. Null counts as absent."""

    model_config = ConfigDict(frozen=True)

    present: int = 0
    numbers: int = 0
    strings: int = 0
    numerals: int = 0
    """Strings that are JSON numbers."""
    instants: int = 0
    """Numbers and strings that are instants."""
    short_instants: int = 0
    """Strings that are instants without the form of RFC 3339: dates, times without a zone, epoch texts."""
    texts: tuple[str, ...] = ()
    """Different strings, at most MAX_TEXTS of them, each cut to MAX_TEXT_CHARS."""
    has_all_texts: bool = True


def properties_of(definition: Group) -> tuple[Property, ...]:
    """Return the properties whose values matter to filters of the definition, each once, at most MAX_PROPERTIES."""
    uses = ((event_type, test.property) for _, event_type, test in _uses(definition) if _kind(test) != "other")
    return tuple(dict.fromkeys(uses))[:MAX_PROPERTIES]


def instant_properties_of(definition: Group) -> tuple[Property, ...]:
    """Return the properties that the definition reads as instants, each once."""
    uses = ((event_type, test.property) for _, event_type, test in _uses(definition) if _kind(test) == "instant")
    return tuple(dict.fromkeys(uses))


def value_warnings(definition: Group, counts: Mapping[Property, ValueCounts]) -> tuple[LanguageFault, ...]:
    """Return warnings in the order of the definition. Properties without counts, or without values, are left out.

    Codes: unreadable-values, mixed-types, short-instants, unknown-value.
    """
    return definition.sent_faults(
        fault
        for path, event_type, test in _uses(definition)
        if (of_property := counts.get((event_type, test.property))) is not None and of_property.present
        for fault in _warnings(path, test, of_property)
    )


def _uses(definition: Group) -> Iterator[tuple[str, str, PropertyTest]]:
    for path, condition in conditions_in(definition):
        for part, test in filters_of(condition, path):
            pattern = EventPattern.parse(part.event_type)
            if pattern.exact:
                yield part.path, pattern.text, test


def _kind(test: PropertyTest) -> str:
    value = OPERATORS[test.operator].value
    if value in _INSTANTS:
        return "instant"
    if value in _ORDER:
        return "order"
    return "equality" if value in _EQUALITY else "other"


def _warnings(path: str, test: PropertyTest, counts: ValueCounts) -> Iterator[LanguageFault]:
    match _kind(test):
        case "instant":
            yield from _unreadable(path, test, counts, counts.instants, "an instant")
            if counts.short_instants:
                detail = "dates, times without a zone or epoch texts, which are read in UTC"
                share = _share(counts.short_instants, counts.present)
                yield LanguageFault(f"{path}.property", "short-instants", f"{share} of the values are {detail}.")
        case "order":
            readable = counts.numbers + counts.numerals
            yield from _unreadable(path, test, counts, readable, "a number")
            yield from _mixed(path, counts, "both compare as numbers")
        case "equality":
            yield from _mixed(path, counts, f'`{test.operator}` tells 5 and "5" apart')
            yield from _unknown(path, test, counts)
        case _:
            return


def _unreadable(
    path: str, test: PropertyTest, counts: ValueCounts, readable: int, form: str
) -> Iterator[LanguageFault]:
    if readable < counts.present:
        share = _share(counts.present - readable, counts.present)
        verb = "always" if OPERATORS[test.operator].complement_of else "never"
        detail = f"{share} of the values are not {form}: `{test.operator}` {verb} holds for them."
        yield LanguageFault(f"{path}.property", "unreadable-values", detail)


def _mixed(path: str, counts: ValueCounts, meaning: str) -> Iterator[LanguageFault]:
    if counts.numbers and counts.numerals:
        strings, numbers = _share(counts.numerals, counts.present), _share(counts.numbers, counts.present)
        detail = f"{numbers} of the values are numbers and {strings} are numbers in strings; {meaning}."
        yield LanguageFault(f"{path}.property", "mixed-types", detail)


def _unknown(path: str, test: PropertyTest, counts: ValueCounts) -> Iterator[LanguageFault]:
    """Yield a warning for each string that no value is, but a similar one is."""
    value = getattr(test, "value", None)
    operands = value if isinstance(value, tuple) else (value,)
    if not counts.has_all_texts or test.operator in ("contains", "not_contains"):
        return
    for index, text in enumerate(operands):
        if isinstance(text, str) and text not in counts.texts and (near := similar_text(text, counts.texts)):
            at = f"{path}.value[{index}]" if isinstance(value, tuple) else f"{path}.value"
            yield LanguageFault(at, "unknown-value", f"No value is {shortened(text)}. Did you mean {shortened(near)}?")


def similar_text(text: str, others: tuple[str, ...]) -> str | None:
    """Return the text most like this one: equal but for case and outer spaces, or nearly equal; None without any."""
    folded = {other.strip().casefold(): other for other in others}
    if text.strip().casefold() in folded:
        return folded[text.strip().casefold()]
    similar = get_close_matches(text, others, n=1, cutoff=_SIMILARITY)
    return similar[0] if similar else None


def _share(part: int, whole: int) -> str:
    percent = 100 * part / whole
    return "Less than 1 %" if percent < 1 else f"{percent:.0f} %"
