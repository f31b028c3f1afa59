"""Parses a definition: any JSON value becomes a Group, or faults that name their paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Annotated, Any, Final

from pydantic import TypeAdapter, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from typing_extensions import TypeAliasType

from segops_language.documented import Origins, rewrite
from segops_language.faults import InvalidDefinition, Keys, LanguageFault, format_path
from segops_language.groups import Group
from segops_language.operators import OPERATORS
from segops_language.registry import KINDS
from segops_language.values.scalars import exceeds_integers

MAX_LEVELS: Final = 8
MAX_CONDITIONS: Final = 200
MAX_FAULTS: Final = 20
"""The most faults that one refusal names, so that it stays small whatever was sent."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)

_MESSAGES: Final[dict[str, tuple[str, str]]] = {
    "missing": ("required", "must be present"),
    "extra_forbidden": ("unknown-field", "must be left out: there is no such field"),
    "bool_type": ("wrong-type", "must be true or false"),
    "int_type": ("wrong-type", "must be an integer"),
    "int_from_float": ("wrong-type", "must be an integer"),
    "int_parsing_size": ("out-of-range", "must be an integer from -2^63 to 2^63 - 1"),
    "tuple_type": ("wrong-type", "must be a list"),
    "model_type": ("wrong-type", "must be an object"),
    "model_attributes_type": ("wrong-type", "must be an object"),
    "dict_type": ("wrong-type", "must be an object"),
}
_RANGES: Final = {
    "greater_than_equal": ("ge", "must be at least"),
    "less_than_equal": ("le", "must be at most"),
}


def parse_definition(obj: object, *, at: str = "definition") -> Group:
    """Return the definition; `at` is the path of `obj` in the caller's input.

    Raises InvalidDefinition, whose faults have paths like `definition.conditions[2].value` and never repeat a value.
    """
    try:
        return _DEFINITION.validate_python(obj)
    except ValidationError as error:
        faults = [_as_fault(details, at) for details in error.errors(include_url=False, include_input=False)]
        raise InvalidDefinition("The definition is not valid.", faults) from None


def _as_fault(details: ErrorDetails, at: str) -> LanguageFault:
    return LanguageFault(path=format_path(at, details["loc"]), code=details["type"], detail=details["msg"])


def _read(value: object, handler: ValidatorFunctionWrapHandler) -> Group:
    """Check the limits before any recursive validation, rewrite documented names, and translate errors of the models."""
    _check_limits(value)
    rewritten = rewrite(value)
    _check_limits(rewritten.document)
    try:
        group: Group = handler(rewritten.document)
    except ValidationError as error:
        faults = _faults(error.errors(include_url=False), rewritten.origins)
        raise ValidationError.from_exception_data("definition", faults, hide_input=True) from None
    return group.with_origins(rewritten.origins) if rewritten.origins.by_keys else group


def _faults(errors: Iterable[ErrorDetails], origins: Origins) -> list[InitErrorDetails]:
    """Return the first faults, each once: a condition may have been rewritten into several."""
    faults: dict[tuple[Keys, str], InitErrorDetails] = {}
    for details in islice(errors, 2 * MAX_FAULTS):
        keys, code, message = _translate(details)
        refusal, sent = origins.refusal(keys), origins.sent(keys)
        if refusal is not None:
            code, message = refusal.code, refusal.detail
        # The input is omitted: it must not reach a message, a log or an answer.
        fault = InitErrorDetails(type=PydanticCustomError(code, _literal(message)), loc=sent, input=None)
        faults.setdefault((sent, code), fault)
    return list(faults.values())[:MAX_FAULTS]


def _check_limits(root: object) -> None:
    """Check the numbers of levels and conditions without recursion."""
    conditions = nodes = 0
    pending = list(_children(root, 1))
    while pending:
        node, level = pending.pop()
        nodes += 1
        # Every group leads to a condition, so a definition within the limits has no more nodes.
        if nodes > MAX_CONDITIONS * MAX_LEVELS:
            raise PydanticCustomError("definition-too-complex", f"must have at most {MAX_CONDITIONS} conditions")
        if _is_condition(node):
            conditions += 1
        elif level > MAX_LEVELS:
            raise PydanticCustomError("definition-too-complex", f"must have at most {MAX_LEVELS} levels")
        if conditions > MAX_CONDITIONS:
            raise PydanticCustomError("definition-too-complex", f"must have at most {MAX_CONDITIONS} conditions")
        pending.extend(_children(node, level))


def _children(node: object, level: int) -> Iterator[tuple[object, int]]:
    nodes = node.get("conditions") if isinstance(node, dict) else getattr(node, "conditions", None)
    if isinstance(nodes, list | tuple):
        for child in nodes:
            yield child, level + 1


def _is_condition(node: object) -> bool:
    return "type" in node if isinstance(node, dict) else hasattr(node, "type")


def _translate(details: ErrorDetails) -> tuple[Keys, str, str]:
    """Return the path without tags, the code and the message of an error."""
    kind, context = details["type"], details.get("ctx", {})
    path = _without_tags(details["loc"])
    code, message = _words(kind, context, details["msg"])
    if kind in ("int_type", "int_from_float") and exceeds_integers(details["input"]):
        code, message = _MESSAGES["int_parsing_size"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        path = (*path, str(context["discriminator"]).strip("'"))
        if kind == "union_tag_not_found":
            code, message = _MESSAGES["missing"]
    if kind == "extra_forbidden" and not _PLAIN_KEY.fullmatch(str(path[-1])):
        path = path[:-1]
    return path, code, message


def _words(kind: str, context: dict[str, Any], message: str) -> tuple[str, str]:
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    if kind in _RANGES:
        bound, words = _RANGES[kind]
        return "out-of-range", f"{words} {context[bound]}"
    if kind == "literal_error":
        return "not-allowed", f"must be {context['expected']}"
    if kind == "union_tag_invalid":
        return "not-allowed", f"must be one of {context['expected_tags']}"
    return (kind, message) if "-" in kind or kind == "required" else ("invalid", "must be a valid value for this field")


def _literal(message: str) -> str:
    """Return the message without braces, which pydantic would take for placeholders."""
    return message.replace("{", "(").replace("}", ")")


def _without_tags(path: Keys) -> Keys:
    """Remove the tags of unions, which pydantic adds to the path and the document does not have."""
    kept: list[int | str] = []
    skip = 0
    for index, key in enumerate(path):
        if skip:
            skip -= 1
            continue
        kept.append(key)
        skip = _tags_after(kept, path[index + 1 :])
    return tuple(kept)


def _tags_after(kept: list[int | str], rest: Keys) -> int:
    """Return how many tags follow: of the window, the filter, or the node that the path has reached."""
    if kept[-1] == "window":
        return 1
    if not isinstance(kept[-1], int) or len(kept) < 2 or not rest:
        return 0
    if kept[-2] != "conditions":
        return 1 if rest[0] in OPERATORS else 0
    if rest[0] == "group":
        return 1
    kind = KINDS.get(str(rest[1])) if len(rest) > 1 else None
    return 2 if kind is None or kind.schema is kind.model else 3


Definition = TypeAliasType("Definition", Annotated[Group, WrapValidator(_read)])
"""A whole definition as a field of a request, with the limits and faults of `parse_definition`."""

_DEFINITION: Final[TypeAdapter[Group]] = TypeAdapter(Definition)
