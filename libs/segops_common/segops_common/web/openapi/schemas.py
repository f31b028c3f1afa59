"""Writes schemas so that client generators of typed languages understand them. Pydantic leaves seven things open."""

from __future__ import annotations

from typing import Any, Final

_MAX_SAFE: Final = 2**53
"""Larger bounds are lost when a generator reads numbers as doubles; `int64` says the same."""

_VALUES: Final = frozenset({"example", "examples", "default", "const", "enum"})
"""Keywords with JSON values, which may look like schemas."""

Json = dict[str, Any]


def mend(made: Json) -> Json:
    """Return the document with readable numbers, booleans, tuples, bodies and parameters."""
    mended: Json = _mend(made)
    return mended


def _mend(part: Any) -> Any:
    if isinstance(part, list):
        return [_mend(item) for item in part]
    if not isinstance(part, dict):
        return part
    part = {name: _mended_value(name, value) for name, value in part.items()}
    if part.get("type") == "integer":
        return _integer(part)
    if part.get("type") == "number":
        return {"format": "double", **part}
    if part.get("type") == "boolean":
        return _boolean(part)
    if "prefixItems" in part and "items" not in part:
        return _tuple(part)
    if "schema" in part:
        return _described(part)
    return part


def _mended_value(name: str, value: Any) -> Any:
    if name in _VALUES:
        return value
    if name == "properties" and isinstance(value, dict):
        # A property may be called `example`.
        return {name: _mend(schema) for name, schema in value.items()}
    return _mend(value)


def _described(part: Json) -> Json:
    """Return a body, a parameter or a header with its schema. A parameter's description is said once, outside of it."""
    if "in" not in part and not _is_medium(part):
        return part
    schema = _without_null(part["schema"])
    if "in" in part and schema.get("description") == part.get("description"):
        schema = {name: value for name, value in schema.items() if name != "description"}
    return part | {"schema": schema}


def _integer(schema: Json) -> Json:
    """State the width, and no bound beyond what a double can hold; pydantic writes bounds as floats."""
    bounds = {name: round(schema[name]) for name in ("minimum", "maximum") if name in schema}
    kept: Json = {name: bound for name, bound in bounds.items() if abs(bound) < _MAX_SAFE}
    rest = {name: value for name, value in schema.items() if name not in bounds}
    return {"format": "int64", **rest, **kept}


def _boolean(schema: Json) -> Json:
    """Leave out the only value: generators of Java make an enumeration of strings of it, which does not compile."""
    return {name: value for name, value in schema.items() if name != "const"}


def _tuple(schema: Json) -> Json:
    """Add the type of all items, for generators that know no tuples."""
    kinds = [kind for number, kind in enumerate(schema["prefixItems"]) if kind not in schema["prefixItems"][:number]]
    return schema | {"items": kinds[0] if len(kinds) == 1 else {"anyOf": kinds}}


def _is_medium(part: Json) -> bool:
    # Headers have a schema too, and a description beside it.
    return part.keys() <= {"schema", "example", "examples", "encoding"}


def _without_null(schema: Json) -> Json:
    """Return the only other option of an optional body or parameter: that it may be absent is said by `required`."""
    options: list[Json] = [option for option in schema.get("anyOf", []) if option != {"type": "null"}]
    if len(options) != 1 or len(schema["anyOf"]) != 2:
        return schema
    if "$ref" in options[0]:
        return options[0]
    rules: Json = {
        name: value for name, value in schema.items() if name not in ("anyOf", "title") and value is not None
    }
    return rules | options[0]
