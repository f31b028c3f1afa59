"""Events of a session: whatever ids they are sent with, they belong to the session's user or visitor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from segops_common.core.profile_ids import signed_visitor_id
from segops_common.security.principal import Session

_VISITOR_FIELDS: Final = frozenset({"anonymous_id", "previous_id"})


def force_ids(call: Any, session: Session, list_fields: Sequence[str]) -> None:
    """Give every event of the call the id of the session, in place, before anything validates it.

    `list_fields` are the fields with the events of a call that has many.
    """
    if type(call) is not dict:
        return
    lists = [call[name] for name in list_fields if type(call.get(name)) is list]
    for event in [event for events in lists for event in events] if lists else [call]:
        if type(event) is dict:
            _force(event, session)


def _force(event: dict[str, Any], session: Session) -> None:
    if session.is_anonymous:
        event.pop("user_id", None)
        event["anonymous_id"] = session.uid
        return
    event["user_id"] = session.uid
    if session.is_signed:
        # The events of the visitor before have such an id, and no other id must be joined to the user.
        for name in _VISITOR_FIELDS & event.keys():
            if type(event[name]) is str and event[name]:
                event[name] = signed_visitor_id(event[name])
