"""The use cases of the explorer."""

from __future__ import annotations

from dataclasses import dataclass

from segops_membership.service.explorer.events import ExploreEvents
from segops_membership.service.explorer.live_events import LiveEvents
from segops_membership.service.explorer.users import ExploreUsers


@dataclass(frozen=True, slots=True, kw_only=True)
class Explorer:
    """Created once for each process."""

    users: ExploreUsers
    events: ExploreEvents
    live: LiveEvents
