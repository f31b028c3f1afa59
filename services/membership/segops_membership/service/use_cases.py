"""The use cases that the HTTP door opens to."""

from __future__ import annotations

from dataclasses import dataclass, field

from segops_membership.ports import Observed
from segops_membership.service.explain import Explain
from segops_membership.service.lookup import Lookup
from segops_membership.service.overlaps import Overlaps
from segops_membership.service.previews import Previews


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Made once a process."""

    explain: Explain
    lookup: Lookup
    previews: Previews
    overlaps: Overlaps
    observed: Observed
    service_token: str = field(repr=False)
