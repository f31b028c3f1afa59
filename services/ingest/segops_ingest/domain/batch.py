"""The calls of a batch, each with its kind."""

from __future__ import annotations

from typing import Any, Final

from segops_common.contracts.events import EventKind
from segops_ingest.domain.event import CALL_SHAPES
from segops_ingest.domain.refusal import EventRefused

_KINDS: Final = ", ".join(CALL_SHAPES)


def kind_of(item: Any) -> EventKind:
    """The kind that an item of a batch names in `type`; EventRefused when it names none."""
    if type(item) is not dict:
        raise EventRefused("", "wrong-type", "an event must be an object")
    kind = item.get("type")
    if kind is None:
        raise EventRefused("type", "missing", f"is required, one of {_KINDS}")
    if type(kind) is not str or kind not in CALL_SHAPES:
        raise EventRefused("type", "wrong-type", f"must be one of {_KINDS}")
    return kind
