"""Rewrites conditions, fields and operators of the documented product into what the language has, before parsing.

JSON in, JSON out. What it does not understand stays, or becomes a null that the parser refuses, so it never raises. The
index of a node never changes: a condition becomes a condition or a group in the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from segops_language.events import IDENTIFY_EVENT
from segops_language.faults import Keys

Json = dict[str, Any]

DOCUMENTED_IDENTIFY: Final = "context_identified"
_MAX_DAYS: Final = 36_525
_MAX_KEYS: Final = 64
"""Nodes with a longer path stay as they are. The language allows fewer levels, so the parser refuses them."""
_OPERATORS: Final = {
    "does_not_contain": "not_contains",
    "matches_regex": "matches",
    "is_set": "exists",
    "is_not_set": "not_exists",
}
_FLAGS: Final = {"is_true": True, "is_false": False}
_NOT_BETWEEN: Final = "not_between"
_TESTS: Final = ("user_property", "event_property")
"""Types that test a property themselves."""
_COMPLEMENTED: Final = ("event_count", "event_aggregate", "user_property")
"""Types whose negated `between` is `not_between`: it holds where a property is missing."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the parser refuses a null that replaced what was sent."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part of a rewritten definition was sent, and why it is refused, if it must be."""

    keys: Keys
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """The origins of what was changed, by its path in the rewritten definition.

    All are equal, and equal to None: how a definition was sent is no part of what it is.
    """

    by_keys: Mapping[Keys, Origin]

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Origins)

    def __hash__(self) -> int:
        return hash(None)

    def sent(self, keys: Keys) -> Keys:
        """Return the path that a part had when it was sent."""
        for length in range(len(keys), 0, -1):
            origin = self.by_keys.get(keys[:length])
            if origin is not None:
                return origin.keys + keys[length:]
        return keys

    def refusal(self, keys: Keys) -> Refusal | None:
        """Return why a part is refused; None for a part that was not replaced."""
        origin = self.by_keys.get(keys)
        return None if origin is None else origin.refusal


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A definition in the terms of the language."""

    document: object
    origins: Origins


def rewrite(value: object) -> Rewritten:
    """Return any JSON value as a definition of the language; a definition of the language stays as it is."""
    origins: dict[Keys, Origin] = {}
    return Rewritten(_group(value, (), origins), Origins(origins))


def _group(value: object, at: Keys, origins: dict[Keys, Origin]) -> object:
    nodes = value.get("conditions") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(nodes, list) or len(at) > _MAX_KEYS:
        return value
    return {**value, "conditions": [_node(node, (*at, "conditions", i), origins) for i, node in enumerate(nodes)]}


def _node(value: object, at: Keys, origins: dict[Keys, Origin]) -> object:
    if not isinstance(value, dict) or "type" not in value:
        return _group(value, at, origins)
    draft = _condition(value)
    origins |= {at + keys: Origin(at + origin.keys, origin.refusal) for keys, origin in draft.origins.items()}
    return draft.document


@dataclass(slots=True)
class _Draft:
    """A condition that is being rewritten; the paths of its origins begin at the condition."""

    document: Json
    origins: dict[Keys, Origin] = field(default_factory=dict)

    def refuse(self, keys: Keys, code: str, detail: str, *, sent: Keys | None = None) -> None:
        """Give the reason for a part that the parser refuses anyway."""
        self.origins[keys] = Origin(keys if sent is None else sent, Refusal(code, detail))

    def has_only(self, name: str, other: str) -> bool:
        """Return whether the condition has the documented field; if it also has ours, the documented one is refused."""
        if name in self.document and other in self.document:
            self.refuse((name,), "unknown-field", f"must be left out: `{other}` is present")
            return False
        return name in self.document

    def take_days(self, keys: Keys, least: int, most: int = _MAX_DAYS) -> int | None:
        """Take `window_days` for the part at these keys; return None, which is refused, for no whole number of days."""
        days = _whole_number(self.document.pop("window_days"), least, most)
        refusal = Refusal("out-of-range", f"must be an integer from {least} to {most}") if days is None else None
        self.origins[keys] = Origin(("window_days",), refusal)
        return days

    def nested(self, prefix: Keys) -> dict[Keys, Origin]:
        """Return the origins for a copy of the condition at this path."""
        return {prefix: Origin(()), **{prefix + keys: origin for keys, origin in self.origins.items()}}


def _whole_number(value: object, least: int, most: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        return None
    return int(value) if value == int(value) else None


def _duration(days: int | None) -> str | None:
    return None if days is None else f"{days}d"


def _condition(value: Json) -> _Draft:
    draft, name = _Draft(dict(value)), value["type"]
    _rename_event_type(draft.document)
    if name in _TESTS:
        _rename_operator(draft, draft.document, ())
    documented = _DOCUMENTED.get(name) if isinstance(name, str) else None
    if documented is not None:
        _set_apart(draft, name, documented.fields)
        return documented.rewriting(draft)
    if name == "event_count":
        _rewrite_count(draft)
    elif name == "event_sequence":
        _rewrite_sequence(draft)
    if name in _COMPLEMENTED:
        _rewrite_not_between(draft)
    _rewrite_parts(draft)
    return draft


def _rename_event_type(selector: Json) -> None:
    if selector.get("event_type") == DOCUMENTED_IDENTIFY:
        selector["event_type"] = IDENTIFY_EVENT


def _rename_operator(draft: _Draft, test: Json, at: Keys) -> None:
    name = test.get("operator")
    if not isinstance(name, str):
        return
    if name in _OPERATORS:
        test["operator"] = _OPERATORS[name]
    elif name in _FLAGS and "value" not in test:
        test |= {"operator": "eq", "value": _FLAGS[name]}
    elif name in _FLAGS:
        detail = f"must be left out with `{name}`"
        draft.refuse((*at, "operator"), "unknown-field", detail, sent=(*at, "value"))


def _set_apart(draft: _Draft, prefix: str, fields: frozenset[str]) -> None:
    """Rename unknown fields, so that none is taken for a field of the language: the parser refuses them all."""
    for name in draft.document.keys() - fields - {"type", "negate"}:
        draft.document[f"{prefix}_{name}"] = draft.document.pop(name)
        draft.origins[(f"{prefix}_{name}",)] = Origin((name,))


def _rewrite_count(draft: _Draft) -> None:
    if draft.has_only("window_days", "window"):
        draft.origins[("window",)] = Origin(("window_days",))
        draft.document["window"] = {"last": _duration(draft.take_days(("window", "last"), 1))}


def _rewrite_sequence(draft: _Draft) -> None:
    document = draft.document
    if draft.has_only("events", "steps"):
        events = document.pop("events")
        draft.origins |= {("steps",): Origin(("events",)), ("within",): Origin(("window_days",))}
        document["steps"] = events
        if isinstance(events, list):
            document["steps"] = [{"event_type": event} for event in events]
            draft.origins |= {("steps", i, "event_type"): Origin(("events", i)) for i in range(len(events))}
    if draft.has_only("window_days", "within"):
        document["within"] = _duration(draft.take_days(("within",), 0))


def _rewrite_not_between(draft: _Draft) -> None:
    if draft.document.get("operator") != _NOT_BETWEEN:
        return
    if "held_for" in draft.document:
        draft.refuse(("operator",), "not-allowed", f"must not be `{_NOT_BETWEEN}` with `held_for`")
        return
    draft.document["operator"] = "between"
    _negate(draft.document)


def _negate(document: Json) -> None:
    """Negate a condition; a `negate` that is no boolean stays, and is refused."""
    negate = document.get("negate", False)
    if isinstance(negate, bool):
        document["negate"] = not negate


def _rewrite_parts(draft: _Draft) -> None:
    """Rewrite the filters of a condition, and its steps with theirs."""
    _rewrite_filters(draft, draft.document, ())
    steps = draft.document.get("steps")
    if isinstance(steps, list):
        draft.document["steps"] = [dict(step) if isinstance(step, dict) else step for step in steps]
        for index, step in enumerate(draft.document["steps"]):
            if isinstance(step, dict):
                _rename_event_type(step)
                _rewrite_filters(draft, step, ("steps", index))


def _rewrite_filters(draft: _Draft, owner: Json, at: Keys) -> None:
    for name in ("where", "has"):
        if isinstance(owner.get(name), list):
            owner[name] = [dict(test) if isinstance(test, dict) else test for test in owner[name]]
            for index, test in enumerate(owner[name]):
                if isinstance(test, dict):
                    _rename_operator(draft, test, (*at, name, index))


def _recency(draft: _Draft) -> _Draft:
    """Rewrite the time since the last event: `gt` and `lt` compare it exactly, `eq` and `neq` count whole days."""
    document = draft.document
    operator = document.pop("operator", None)
    negate = {"negate": document.pop("negate")} if "negate" in document else {}
    draft.origins[("value",)] = Origin(("window_days",))
    times: list[Json] = [{}, {}]
    if "window_days" in document:
        days = draft.take_days(("value",), 0, _MAX_DAYS - 1)
        times = [{"value": _duration(days)}, {"value": _duration(None if days is None else days + 1)}]
    recent, recent_or_same = ({**document, "type": "event_time", "occurrence": "last", **time} for time in times)
    old = {**recent, "operator": "not_within_last"}
    on_that_day = _all_of({**recent_or_same, "operator": "within_last"}, old)
    happened = {**document, "type": "event_count", "operator": "gte", "value": 1}
    match operator:
        case "lt" | "lte":
            return _moved(draft, {**recent, "operator": "within_last", **negate})
        case "gt" | "gte":
            return _moved(draft, {**_all_of(happened, old), **negate})
        case "eq":
            return _moved(draft, {**on_that_day, **negate})
        case "neq":
            return _moved(draft, {**_all_of(happened, {**on_that_day, "negate": True}), **negate})
        case _:
            draft.refuse(("operator",), *_refusal_of(operator, "'eq', 'neq', 'gt', 'gte', 'lt' or 'lte'"))
            return _moved(draft, {**recent, "operator": None, **negate})


def _refusal_of(operator: object, expected: str) -> tuple[str, str]:
    return ("required", "must be present") if operator is None else ("not-allowed", f"must be {expected}")


def _monetary(draft: _Draft) -> _Draft:
    draft.document["type"] = "event_aggregate"
    draft.origins[("function",)] = Origin(("metric",))
    if "metric" in draft.document:
        draft.document["function"] = draft.document.pop("metric")
    _rewrite_not_between(draft)
    return draft


def _event_property(draft: _Draft) -> _Draft:
    """Rewrite a test of the last event. Without such an event it is false, whatever the operator."""
    document = draft.document
    test = {name: document.pop(name) for name in ("property", "operator", "value") if name in document}
    last = {**document, "type": "event_match", "occurrence": "last"}
    if test.get("operator") != _NOT_BETWEEN:
        return _Draft({**last, "has": [test]}, draft.nested(("has", 0)) | draft.nested(()))
    negate = {"negate": last.pop("negate")} if "negate" in last else {}
    between = {**last, "has": [{**test, "operator": "between"}], "negate": True}
    moved = _moved(draft, {**_all_of({**last, "has": []}, between), **negate})
    moved.origins |= draft.nested(("conditions", 1, "has", 0))
    return moved


def _segment_membership(draft: _Draft) -> _Draft:
    operator = draft.document.pop("operator", None)
    draft.document["type"] = "segment"
    if operator == "not_in":
        _negate(draft.document)
    elif operator != "in":
        draft.document["operator"] = None
        draft.refuse(("operator",), *_refusal_of(operator, "'in' or 'not_in'"))
    return draft


def _all_of(*nodes: Json) -> Json:
    return {"logic": "AND", "conditions": list(nodes)}


def _moved(draft: _Draft, document: Json) -> _Draft:
    """Return the draft of a condition or a group whose conditions all come from this condition."""
    origins = {keys: origin for at in _nodes_of(document, ()) for keys, origin in draft.nested(at).items()}
    return _Draft(document, origins)


def _nodes_of(node: Json, at: Keys) -> Iterator[Keys]:
    yield at
    for index, inner in enumerate(node.get("conditions", ())):
        yield from _nodes_of(inner, (*at, "conditions", index))


@dataclass(frozen=True, slots=True)
class _Documented:
    """A type of condition that the language does not have: its fields, beside `type` and `negate`, and its rewriting."""

    fields: frozenset[str]
    rewriting: Callable[[_Draft], _Draft]


_DOCUMENTED: Final[Mapping[str, _Documented]] = {
    "recency": _Documented(frozenset(["event_type", "operator", "window_days"]), _recency),
    "monetary": _Documented(frozenset(["event_type", "property", "metric", "operator", "value"]), _monetary),
    "event_property": _Documented(frozenset(["event_type", "property", "operator", "value"]), _event_property),
    "segment_membership": _Documented(frozenset(["segment_id", "operator"]), _segment_membership),
}
