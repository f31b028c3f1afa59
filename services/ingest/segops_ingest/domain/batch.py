"""The kind of each call in a batch."""

from __future__ import annotations

from typing import Any, Final

from segops_common.contracts.events import EventKind
from segops_ingest.domain.event import CALL_SHAPES
from segops_ingest.domain.refusal import EventRefused

_KINDS: Final = ", ".join(CALL_SHAPES)


def kind_of(item: Any) -> EventKind:
    """Return the kind of call that the item's `type` names. Raises EventRefused if it names none."""
    if type(item) is not dict:
        raise EventRefused("", "wrong-type", "must be an object")
    kind = item.get("type")
    if kind is None:
        raise EventRefused("type", "missing", f"must be present: one of {_KINDS}")
    if type(kind) is not str or kind not in CALL_SHAPES:
        raise EventRefused("type", "wrong-type", f"must be one of {_KINDS}")
    return kind


def always_track(_call: Any) -> EventKind:
    """Return the kind of every call in a request with track calls only."""
    return "track"
