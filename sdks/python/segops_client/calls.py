"""The calls that both clients share. None of them raises, waits, or keeps a reference to its arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Union

from segops_client.delivery.events import QueuedEvent, Refused, new_event, refused
from segops_client.delivery.stamps import Stamps
from segops_client.inputs import Context, Event, fields_of
from segops_client.options import Options
from segops_client.reports import Report

Json = Mapping[str, Any]
Time = Union[datetime, str]


class Calls(ABC):
    """Converts events to JSON at once, in the caller's thread. Invalid events are reported to `on_error`.

    `occurred_at` is the time of the event: a datetime, or text in ISO 8601. The time of the call is the default.
    """

    _options: Options
    _stamps: Stamps

    @abstractmethod
    def _take(self, event: QueuedEvent | Report) -> None:
        """Queue an event, or count it as dropped if it cannot be sent."""

    def track(
        self,
        event: Event | Json | None = None,
        *,
        event_type: str | None = None,
        user_id: str | None = None,
        anonymous_id: str | None = None,
        payload: Json | None = None,
        context: Json | None = None,
        occurred_at: Time | None = None,
        message_id: str | None = None,
    ) -> None:
        """Record an action of a user, given as an Event, as a mapping with the names of the keywords, or by keywords."""
        common = _common(user_id, anonymous_id, context, occurred_at, message_id)
        self._call("track", event, common, {"event_type": event_type, "payload": payload}, required="event_type")

    def identify(
        self,
        user: Context | Json | None = None,
        /,
        *,
        traits: Json | None = None,
        user_id: str | None = None,
        anonymous_id: str | None = None,
        context: Json | None = None,
        occurred_at: Time | None = None,
        message_id: str | None = None,
    ) -> None:
        """Set traits of a user, given as a Context, as a mapping or by keywords; None removes a trait."""
        common = _common(user_id, anonymous_id, context, occurred_at, message_id)
        self._call("identify", user, common, {"traits": traits}, required="traits")

    def page(
        self,
        *,
        name: str | None = None,
        user_id: str | None = None,
        anonymous_id: str | None = None,
        properties: Json | None = None,
        context: Json | None = None,
        occurred_at: Time | None = None,
        message_id: str | None = None,
    ) -> None:
        """Record a page view."""
        common = _common(user_id, anonymous_id, context, occurred_at, message_id)
        self._call("page", None, common, {"name": name, "properties": properties})

    def group(
        self,
        *,
        group_id: str,
        user_id: str | None = None,
        anonymous_id: str | None = None,
        traits: Json | None = None,
        context: Json | None = None,
        occurred_at: Time | None = None,
        message_id: str | None = None,
    ) -> None:
        """Record that a user belongs to a group, and set the group's traits."""
        common = _common(user_id, anonymous_id, context, occurred_at, message_id)
        self._call("group", None, common, {"group_id": group_id, "traits": traits})

    def alias(
        self,
        *,
        user_id: str,
        previous_id: str,
        context: Json | None = None,
        occurred_at: Time | None = None,
        message_id: str | None = None,
    ) -> None:
        """Record that two ids belong to one user."""
        common = _common(user_id, None, context, occurred_at, message_id)
        self._call("alias", None, common, {"previous_id": previous_id})

    def _call(
        self, kind: str, value: object, common: dict[str, Any], own: dict[str, Any], required: str | None = None
    ) -> None:
        try:
            fields = _merged(value, {**common, **own})
            if required and fields.get(required) is None:
                raise refused(f"{required}: must be present", fields.get("message_id"), self._stamps)
            event = new_event(kind, fields, self._options.before_send, self._stamps)
        except Refused as error:
            self._take(error.report)
            return
        except TypeError as error:
            self._take(refused(str(error), common["message_id"], self._stamps).report)
            return
        if event is not None:
            self._take(event)


def _common(
    user_id: str | None,
    anonymous_id: str | None,
    context: Json | None,
    occurred_at: Time | None,
    message_id: str | None,
) -> dict[str, Any]:
    return {
        "message_id": message_id,
        "user_id": user_id,
        "anonymous_id": anonymous_id,
        "occurred_at": occurred_at,
        "context": context,
    }


def _merged(value: object, keywords: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of both, the keywords first. Raises TypeError for a field that the call does not have."""
    fields = fields_of(value)
    for name in fields:
        if name not in keywords:
            raise TypeError(f"{name}: must be one of {', '.join(sorted(keywords))}")
    return {name: fields.get(name) if value is None else value for name, value in keywords.items()}
