"""The use cases that the API calls."""

from __future__ import annotations

from dataclasses import dataclass, field

from segops_membership.ports.events import ObservedEventsReader, ProfileEvents
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.analysis.overlaps import Overlaps
from segops_membership.service.analysis.previews import Previews
from segops_membership.service.analysis.value_checks import ValueChecks
from segops_membership.service.lookup.lookup import Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Created once for each process."""

    explain: Explain
    lookup: Lookup
    previews: Previews
    overlaps: Overlaps
    observed: ObservedEventsReader
    profile_events: ProfileEvents
    value_checks: ValueChecks
    service_token: str = field(repr=False)
