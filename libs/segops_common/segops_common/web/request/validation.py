"""Turn pydantic's errors into faults: stable codes and request paths, without the input that pydantic quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic_core.core_schema import ErrorType

from segops_common.core.problems import Fault, ValidationFailed
from segops_common.web.request.paths import path_of
from segops_language.values.scalars import exceeds_integers

MAX_FAULTS = 20

_WORDING: Mapping[str, tuple[str, str]] = {
    "missing": ("missing", "must be present"),
    "extra_forbidden": ("unknown-field", "must be left out: there is no such field"),
    "string_type": ("wrong-type", "must be text"),
    "bool_type": ("wrong-type", "must be true or false"),
    "int_type": ("wrong-type", "must be an integer"),
    "int_from_float": ("wrong-type", "must be an integer"),
    "int_parsing": ("wrong-type", "must be an integer"),
    "int_parsing_size": ("out-of-range", "must be an integer from -2^63 to 2^63 - 1"),
    "float_type": ("wrong-type", "must be a number"),
    "float_parsing": ("wrong-type", "must be a number"),
    "bool_parsing": ("wrong-type", "must be true or false"),
    "list_type": ("wrong-type", "must be a list"),
    "tuple_type": ("wrong-type", "must be a list"),
    "set_type": ("wrong-type", "must be a list"),
    "frozen_set_type": ("wrong-type", "must be a list"),
    "dict_type": ("wrong-type", "must be an object"),
    "model_type": ("wrong-type", "must be an object"),
    "model_attributes_type": ("wrong-type", "must be an object"),
    "dataclass_type": ("wrong-type", "must be an object"),
    "datetime_type": ("wrong-type", "must be an RFC 3339 time"),
    "datetime_parsing": ("wrong-format", "must be an RFC 3339 time"),
    "datetime_from_date_parsing": ("wrong-format", "must be an RFC 3339 time"),
    "timezone_aware": ("wrong-format", "must include a time zone, such as `Z`"),
    "uuid_parsing": ("wrong-format", "must be a UUID"),
    "uuid_type": ("wrong-format", "must be a UUID"),
    "string_unicode": ("wrong-format", "must be valid Unicode"),
}
# Kind of error -> code, wording, and the name of the limit that follows it.
_BOUNDS: Mapping[str, tuple[str, str, str]] = {
    "greater_than": ("out-of-range", "must be greater than", "gt"),
    "greater_than_equal": ("out-of-range", "must be at least", "ge"),
    "less_than": ("out-of-range", "must be less than", "lt"),
    "less_than_equal": ("out-of-range", "must be at most", "le"),
    "string_too_short": ("wrong-length", "must have a length of at least", "min_length"),
    "string_too_long": ("wrong-length", "must have a length of at most", "max_length"),
    "too_short": ("wrong-length", "must have a length of at least", "min_length"),
    "string_pattern_mismatch": ("wrong-format", "must match the pattern", "pattern"),
    "too_long": ("wrong-length", "must have a length of at most", "max_length"),
    "literal_error": ("not-allowed", "must be", "expected"),
    "enum": ("not-allowed", "must be", "expected"),
    "union_tag_invalid": ("not-allowed", "must be one of", "expected_tags"),
}
_OF_PYDANTIC = frozenset(get_args(ErrorType))
_RAISED_BY_VALIDATORS = ("value_error", "assertion_error")


def invalid(faults: Sequence[Fault]) -> ValidationFailed:
    """Return the problem for these faults."""
    count = len(faults)
    return ValidationFailed(f"The request has {count} error{'' if count == 1 else 's'}: see `errors`.", errors=faults)


def faults_of(errors: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """Return at most MAX_FAULTS of the errors as faults: a hostile body may have one for each of its items."""
    return [_fault(error) for error in errors[:MAX_FAULTS]]


def _fault(error: Mapping[str, Any]) -> Fault:
    keys = [key for key in error["loc"] if key != "body"] if error["loc"][:1] == ("body",) else list(error["loc"])
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        keys.append(str(context["discriminator"]).strip("'"))
    code, detail = _wording(kind, context, str(error["msg"]))
    if kind in ("int_type", "int_from_float") and exceeds_integers(error.get("input")):
        code, detail = _WORDING["int_parsing_size"]
    return Fault(path_of(keys), code, detail)


def _wording(kind: str, context: Mapping[str, Any], message: str) -> tuple[str, str]:
    if kind == "union_tag_not_found":
        return _WORDING["missing"]
    if kind in _WORDING:
        return _WORDING[kind]
    if kind in _BOUNDS:
        code, wording, limit = _BOUNDS[kind]
        return code, f"{wording} {context[limit]}"
    if kind in _RAISED_BY_VALIDATORS:
        return "invalid", str(context.get("error", "must have a valid value"))
    # The product's own models bring their own codes and wording.
    return ("invalid", "must have a valid value") if kind in _OF_PYDANTIC else (kind, message)
