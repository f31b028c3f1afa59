"""The calls that both clients share. None of them raises, waits, or keeps a reference to its arguments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from segops.events import Event, Refused, new_event
from segops.options import Options
from segops.reports import Report
from segops.stamps import Stamps

Json = Mapping[str, Any]


class Calls(ABC):
    """Converts events to JSON at once, in the caller's thread. Invalid events are reported to `on_error`."""

    _options: Options
    _stamps: Stamps

    @abstractmethod
    def _take(self, event: Event | Report) -> None:
        """Queue an event, or count it as dropped if it cannot be sent."""

    def track(
        self,
        *,
        event_type: str,
        user_id: str | None = None,
        anonymous_id: str | None = None,
        payload: Json | None = None,
        context: Json | None = None,
        timestamp: datetime | None = None,
        message_id: str | None = None,
    ) -> None:
        """Record an action of a user."""
        self._call(
            "track", user_id, anonymous_id, context, timestamp, message_id, event_type=event_type, payload=payload
        )

    def identify(
        self,
        *,
        traits: Json,
        user_id: str | None = None,
        anonymous_id: str | None = None,
        context: Json | None = None,
        timestamp: datetime | None = None,
        message_id: str | None = None,
    ) -> None:
        """Set traits of a user; None removes a trait."""
        self._call("identify", user_id, anonymous_id, context, timestamp, message_id, traits=traits)

    def page(
        self,
        *,
        name: str | None = None,
        user_id: str | None = None,
        anonymous_id: str | None = None,
        properties: Json | None = None,
        context: Json | None = None,
        timestamp: datetime | None = None,
        message_id: str | None = None,
    ) -> None:
        """Record a page view."""
        self._call("page", user_id, anonymous_id, context, timestamp, message_id, name=name, properties=properties)

    def group(
        self,
        *,
        group_id: str,
        user_id: str | None = None,
        anonymous_id: str | None = None,
        traits: Json | None = None,
        context: Json | None = None,
        timestamp: datetime | None = None,
        message_id: str | None = None,
    ) -> None:
        """Record that a user belongs to a group, and set the group's traits."""
        self._call("group", user_id, anonymous_id, context, timestamp, message_id, group_id=group_id, traits=traits)

    def alias(
        self,
        *,
        user_id: str,
        previous_id: str,
        context: Json | None = None,
        timestamp: datetime | None = None,
        message_id: str | None = None,
    ) -> None:
        """Record that two ids belong to one user."""
        self._call("alias", user_id, None, context, timestamp, message_id, previous_id=previous_id)

    def _call(
        self,
        kind: str,
        user_id: str | None,
        anonymous_id: str | None,
        context: Json | None,
        timestamp: datetime | None,
        message_id: str | None,
        **own: Any,
    ) -> None:
        fields = {
            "message_id": message_id,
            "user_id": user_id,
            "anonymous_id": anonymous_id,
            "timestamp": timestamp,
            "context": context,
            **own,
        }
        try:
            event = new_event(kind, fields, self._options.before_send, self._stamps)
        except Refused as refused:
            self._take(refused.report)
            return
        if event is not None:
            self._take(event)
