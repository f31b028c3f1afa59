"""A definition as one English sentence, for people who do not write segments."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from segops_language.canonical import to_json
from segops_language.groups import Group

Json = Mapping[str, Any]
_LISTED: Final = 5
"""Longer lists of values are counted instead."""
_UNITS: Final = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week"}
_DURATION: Final = re.compile(r"-?([0-9]+)([smhdw])")
_AGGREGATES: Final = {
    "sum": "the sum of",
    "avg": "the mean of",
    "min": "the least",
    "max": "the greatest",
    "distinct": "the number of different values of",
}
_COMPARED: Final = {
    "eq": "is {}",
    "neq": "is not {}",
    "gt": "is more than {}",
    "gte": "is at least {}",
    "lt": "is less than {}",
    "lte": "is at most {}",
    "contains": "contains {}",
    "not_contains": "does not contain {}",
    "starts_with": "starts with {}",
    "ends_with": "ends with {}",
    "matches": "matches the pattern {}",
    "not_matches": "does not match the pattern {}",
    "exists": "is set",
    "not_exists": "is not set",
    "before": "is before {}",
    "after": "is after {}",
    "within_last": "is in the last {}",
    "not_within_last": "is not in the last {}",
}
_COUNTED: Final = {
    "eq": "exactly {}",
    "neq": "any number of times but {}",
    "gt": "more than {}",
    "gte": "at least {}",
    "lt": "fewer than {}",
    "lte": "at most {}",
}


def sentence_of(definition: Group) -> str:
    """One sentence, ended by a full stop; equal definitions have equal sentences."""
    node = to_json(definition)
    parts: Sequence[Json] = node["conditions"]  # type: ignore[assignment]
    if node.get("negate"):
        return (
            f"Everyone but the people of whom this is true: {_all_of(node)}."
            if parts
            else f"{_nobody(not _is_all(node))}."
        )
    return f"The people of whom this is true: {_all_of(node)}." if parts else f"{_nobody(_is_all(node))}."


def _nobody(everyone: bool) -> str:
    return "Everyone" if everyone else "No one"


def _is_all(node: Json) -> bool:
    return bool(node["logic"] == "AND")


def _all_of(group: Json) -> str:
    """The parts joined; two groups in each other are told apart by brackets."""
    clauses = [_clause(part) for part in group["conditions"]]
    return (", and " if _is_all(group) else ", or ").join(clauses)


def _clause(node: Json) -> str:
    if "logic" not in node:
        clause = _CONDITIONS[node["type"]](node)
        return f"it is not true that {clause}" if node.get("negate") else clause
    parts = node["conditions"]
    holds = f"({_all_of(node)})" if parts else "anything holds" if _is_all(node) else "nothing holds"
    return f"it is not true that {holds}" if node.get("negate") else holds


def _event_count(node: Json) -> str:
    operator, value = node["operator"], node["value"]
    per = f" with the same {_name(node['per'])}" if "per" in node else ""
    tail = f"{per}{_window(node)}{_where(node)}"
    if operator == "between":
        return f"they did {_event(node)} between {_number(value[0])} and {_number(value[1])} times{tail}"
    if (operator, value) in (("eq", 0), ("lt", 1)) and not per:
        return f"they never did {_event(node)}{tail}"
    return f"they did {_event(node)} {_COUNTED[operator].format(_times(value))}{tail}"


def _event_aggregate(node: Json) -> str:
    of = f"{_AGGREGATES[node['function']]} {_name(node['property'])} over their {_event(node)} events"
    return f"{of}{_window(node)}{_where(node)} {_compared(node)}"


def _event_time(node: Json) -> str:
    return f"their {node['occurrence']} {_event(node)}{_where(node)} {_compared(node)}"


def _event_match(node: Json) -> str:
    if not node["has"]:
        return f"they did {_event(node)}{_where(node)}"
    return f"of their {node['occurrence']} {_event(node)}{_where(node)}, {_filters(node['has'])}"


def _event_sequence(node: Json) -> str:
    steps = ", then ".join(f"{_event(step)}{_where(step)}" for step in node["steps"])
    return f"they did {steps}, all within {_duration(node['within'])}{_window(node)}"


def _event_regularity(node: Json) -> str:
    times = _times(node.get("count", 1))
    of = (
        f"{node['at_least']} of the last {node['of']} periods"
        if node["of"] > 1
        else f"{node['at_least']} of the last 1 period"
    )
    periods = f"{of} of {_duration(node['period'])}"
    return f"they did {_event(node)} at least {times} in at least {periods}{_where(node)}"


def _user_property(node: Json) -> str:
    held = node.get("held_for")
    clause = f"their {_name(node['property'])} {_compared(node)}"
    if not held:
        return clause
    return (
        f"{clause} and has been the same for {'at least' if held['operator'] == 'gte' else 'less than'} "
        + _duration(held["duration"])
    )


def _segment(node: Json) -> str:
    return f"they are in segment {node['segment_id']}"


def _sample(node: Json) -> str:
    seed = f" drawn with the seed {_quoted(node['seed'])}" if "seed" in node else ""
    return f"they fall into a sample of {_number(node['percent'])} %{seed}"


_CONDITIONS: Final[Mapping[str, Callable[[Json], str]]] = {
    "event_count": _event_count,
    "event_aggregate": _event_aggregate,
    "event_time": _event_time,
    "event_match": _event_match,
    "event_sequence": _event_sequence,
    "event_regularity": _event_regularity,
    "user_property": _user_property,
    "segment": _segment,
    "sample": _sample,
}


def _compared(check: Json) -> str:
    operator, value = check["operator"], check.get("value")
    if operator == "between":
        return f"is from {_number(value[0])} to {_number(value[1])}"  # type: ignore[index]
    if operator in ("in", "not_in"):
        return f"is {'not ' if operator == 'not_in' else ''}one of {_list(value or ())}"
    shown = _last(str(value)) if operator in ("within_last", "not_within_last") else _quoted(value)
    return _COMPARED[operator].format(shown)


def _list(values: Sequence[Any]) -> str:
    return ", ".join(map(_quoted, values)) if len(values) <= _LISTED else f"{len(values)} values"


def _window(node: Json) -> str:
    window = node.get("window")
    if not window:
        return ""
    if "last" in window:
        return f" in the last {_last(window['last'])}"
    ends = (("from", "after"), ("to", "up to"))
    return " " + " and ".join(f"{word} {_point(window[end])}" for end, word in ends if end in window)


def _point(point: str) -> str:
    return f"{_duration(point)} ago" if point.startswith("-") else point


def _where(node: Json) -> str:
    filters = node.get("where")
    return f" where {_filters(filters)}" if filters else ""


def _filters(filters: Sequence[Json]) -> str:
    return " and ".join(f"{_name(each['property'])} {_compared(each)}" for each in filters)


def _event(node: Json) -> str:
    return _quoted(node["event_type"])


def _name(path: str) -> str:
    """A property as it is, in quotes when it is not a plain word."""
    return path if re.fullmatch(r"[\w.]+", path) else _quoted(path)


def _times(value: float) -> str:
    return "once" if value == 1 else "twice" if value == 2 else f"{_number(value)} times"


def _duration(text: str) -> str:
    found = _DURATION.fullmatch(text)
    if found is None:
        return text
    amount, unit = int(found[1]), _UNITS[found[2]]
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"


def _last(text: str) -> str:
    """As it stands after "the last"."""
    return _duration(text).removeprefix("1 ")


def _number(value: float) -> str:
    return format(Decimal(str(value)), "f")


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
