"""From pydantic's errors to faults: stable codes, paths of the request, and never the input that pydantic quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from segops_common.core.problems import Fault, ValidationFailed
from segops_common.web.request.paths import path_of

MAX_FAULTS = 20

_WORDS: Mapping[str, tuple[str, str]] = {
    "missing": ("missing", "the field is required"),
    "extra_forbidden": ("unknown-field", "there is no such field here"),
    "string_type": ("wrong-type", "must be text"),
    "bool_type": ("wrong-type", "must be true or false"),
    "int_type": ("wrong-type", "must be an integer"),
    "int_from_float": ("wrong-type", "must be an integer"),
    "int_parsing": ("wrong-type", "must be an integer"),
    "int_parsing_size": ("out-of-range", "the integer is too large"),
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
    "timezone_aware": ("wrong-format", "must name its time zone"),
    "string_pattern_mismatch": ("wrong-format", "does not have the required form"),
    "string_unicode": ("wrong-format", "must be Unicode text"),
}
# Kind of error -> code, words, and which number of the rule belongs after them.
_BOUNDS: Mapping[str, tuple[str, str, str]] = {
    "greater_than": ("out-of-range", "must be more than", "gt"),
    "greater_than_equal": ("out-of-range", "must be at least", "ge"),
    "less_than": ("out-of-range", "must be less than", "lt"),
    "less_than_equal": ("out-of-range", "must be at most", "le"),
    "string_too_short": ("wrong-length", "length must be at least", "min_length"),
    "string_too_long": ("wrong-length", "length must be at most", "max_length"),
    "too_short": ("wrong-length", "length must be at least", "min_length"),
    "too_long": ("wrong-length", "length must be at most", "max_length"),
    "literal_error": ("not-allowed", "must be", "expected"),
    "enum": ("not-allowed", "must be", "expected"),
    "union_tag_invalid": ("not-allowed", "must be one of", "expected_tags"),
}
_OWN_WORDS = ("value_error", "assertion_error")


def invalid(faults: Sequence[Fault]) -> ValidationFailed:
    """The problem for these faults."""
    number = len(faults)
    return ValidationFailed(f"{number} fault{' was' if number == 1 else 's were'} found.", errors=faults)


def faults_of(found: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """The first of them, as faults; there may be one for every item of a hostile body."""
    return [_fault(error) for error in found[:MAX_FAULTS]]


def _fault(error: Mapping[str, Any]) -> Fault:
    keys = [key for key in error["loc"] if key != "body"] if error["loc"][:1] == ("body",) else list(error["loc"])
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        keys.append(str(context["discriminator"]).strip("'"))
    code, detail = _words(kind, context, str(error["msg"]))
    return Fault(path_of(keys), code, detail)


def _words(kind: str, context: Mapping[str, Any], message: str) -> tuple[str, str]:
    if kind == "union_tag_not_found":
        return _WORDS["missing"]
    if kind in _WORDS:
        return _WORDS[kind]
    if kind in _BOUNDS:
        code, words, number = _BOUNDS[kind]
        return code, f"{words} {context[number]}"
    if kind in _OWN_WORDS:
        return "invalid", str(context.get("error", "not valid here"))
    # A hyphen marks a code of the product's own models, whose words are the product's too.
    return (kind, message) if "-" in kind or kind == "required" else ("invalid", "not valid here")
