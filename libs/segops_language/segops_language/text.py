"""A definition as text that people write and read line by line; `text_parser` reads it back to the same definition.

Names and values are spelled as in JSON, operators and durations as in the language, one condition on a line. The grammar is
in docs/segment-language.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from segops_language.canonical import to_json
from segops_language.groups import Group

Json = Mapping[str, Any]
_INDENT: Final = "  "
_RECENT: Final = ("within_last", "not_within_last")


def render_text(definition: Group) -> str:
    """The text of a definition, each line ended by a line feed; equal definitions have equal texts."""
    return "".join(f"{line}\n" for line in _node(to_json(definition)))


def _node(node: Json) -> Iterator[str]:
    negation = "not " if node.get("negate") else ""
    if "logic" not in node:
        yield negation + _CONDITIONS[node["type"]](node)
        return
    yield f"{negation}{'all' if node['logic'] == 'AND' else 'any'} of {{"
    for part in node["conditions"]:
        for line in _node(part):
            yield _INDENT + line
    yield "}"


def _event_count(node: Json) -> str:
    per = f" per {_quoted(node['per'])}" if "per" in node else ""
    return f"count {_quoted(node['event_type'])}{per} {_operator(node)}{_window(node)}{_where(node)}"


def _event_aggregate(node: Json) -> str:
    of = f"{node['function']} {_quoted(node['property'])} of {_quoted(node['event_type'])}"
    return f"{of} {_operator(node)}{_window(node)}{_where(node)}"


def _event_time(node: Json) -> str:
    return f"{node['occurrence']} {_quoted(node['event_type'])} {_operator(node)}{_where(node)}"


def _event_match(node: Json) -> str:
    has = f"has {' and '.join(map(_filter, node['has']))}" if node["has"] else "exists"
    return f"{node['occurrence']} {_quoted(node['event_type'])} {has}{_where(node)}"


def _event_sequence(node: Json) -> str:
    steps = " then ".join(f"{_quoted(step['event_type'])}{_where(step)}" for step in node["steps"])
    return f"sequence {steps} within {node['within']}{_window(node)}"


def _event_regularity(node: Json) -> str:
    count = f" count {node['count']}" if "count" in node else ""
    periods = f"in {node['at_least']} of {node['of']} periods {node['period']}"
    return f"regular {_quoted(node['event_type'])} {periods}{count}{_where(node)}"


def _user_property(node: Json) -> str:
    held = node.get("held_for")
    return f"trait {_filter(node)}" + (f" held {held['operator']} {held['duration']}" if held else "")


def _segment(node: Json) -> str:
    return f"segment {node['segment_id']}"


def _sample(node: Json) -> str:
    seed = f" seed {_quoted(node['seed'])}" if "seed" in node else ""
    return f"sample {_quoted(node['percent'])} percent{seed}"


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


def _filter(check: Json) -> str:
    return f"{_quoted(check['property'])} {_operator(check)}"


def _operator(check: Json) -> str:
    """The operator and what it takes: durations as they are, everything else as JSON."""
    if "value" not in check:
        return str(check["operator"])
    value = check["value"] if check["operator"] in _RECENT else _quoted(check["value"])
    return f"{check['operator']} {value}"


def _window(node: Json) -> str:
    window = node.get("window")
    if not window:
        return ""
    if "last" in window:
        return f" last {window['last']}"
    return "".join(f" {end} {_point(window[end])}" for end in ("from", "to") if end in window)


def _point(point: str) -> str:
    return point if point.startswith("-") else _quoted(point)


def _where(node: Json) -> str:
    filters = node.get("where")
    return f" where {' and '.join(map(_filter, filters))}" if filters else ""


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
