"""Check query strings: each parameter is known, is given once, and can be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request
from fastapi.dependencies.models import Dependant

from segops_common.core.problems import Fault, MalformedRequest, ValidationFailed
from segops_common.web.request.body import nul_character
from segops_common.web.request.paths import child_path
from segops_common.web.request.validation import MAX_FAULTS

MAX_PARAMETERS: Final = 50


def parameters_of(dependant: Dependant) -> frozenset[str]:
    """Return the names of the query parameters that a handler and its dependencies declare."""
    names = frozenset(field.alias for field in dependant.query_params)
    return names.union(*map(parameters_of, dependant.dependencies))


def check_query(request: Request, names: frozenset[str]) -> None:
    """Raise MalformedRequest or ValidationFailed unless the query string has only parameters in `names`, each once.

    A parameter that is ignored would be worse than a refusal: `?page=2` would return the first page for ever.
    """
    raw: bytes = request.scope["query_string"]
    if not raw:
        return
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest("The query string must be percent-encoded UTF-8.", slug="malformed-query") from error
    try:
        parameters = parse_qsl(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        raise ValidationFailed(
            f"The query string must not have more than {MAX_PARAMETERS} parameters.", slug="too-complex"
        ) from error
    for name, value in parameters:
        if "\0" in name or "\0" in value:
            raise nul_character(child_path("query", name))
    counts = Counter(name for name, _ in parameters)
    _refuse_unknown(counts.keys() - names, names)
    repeated = sorted(name for name, times in counts.items() if times > 1)
    if repeated:
        faults = [Fault(child_path("query", name), "repeated", "must be given once") for name in repeated[:MAX_FAULTS]]
        raise ValidationFailed("Query parameters must not be repeated.", errors=faults)


def _refuse_unknown(unknown: Iterable[str], names: frozenset[str]) -> None:
    faults = [
        Fault(child_path("query", name), "unknown-parameter", "must be left out: there is no such parameter")
        for name in sorted(unknown)[:MAX_FAULTS]
    ]
    if faults:
        listed = ", ".join(f"`{name}`" for name in sorted(names)) or "none"
        raise ValidationFailed(
            f"The query string must have only parameters of this route: {listed}.",
            slug="unknown-parameter",
            errors=faults,
        )
