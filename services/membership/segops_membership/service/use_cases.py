"""The use cases that the HTTP door opens to."""

from __future__ import annotations

from dataclasses import dataclass

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
