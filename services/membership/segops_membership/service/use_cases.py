"""The use cases that the HTTP door opens to."""

from __future__ import annotations

from dataclasses import dataclass

from segops_membership.ports import Definitions
from segops_membership.service.explain import Explain
from segops_membership.service.lookup import Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Made once a process."""

    explain: Explain
    lookup: Lookup
    definitions: Definitions
