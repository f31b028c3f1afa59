"""The use cases that the API calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from segops_membership.ports.events import ObservedEventsReader, ProfileEvents
from segops_membership.service.activations.manage import ManageActivations
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.analysis.overlaps import Overlaps
from segops_membership.service.analysis.previews import Previews
from segops_membership.service.analysis.value_checks import ValueChecks
from segops_membership.service.analytics.analytics import Analytics
from segops_membership.service.explorer.explorer import Explorer
from segops_membership.service.exports.exports import SegmentExports
from segops_membership.service.identity.merges import Merges
from segops_membership.service.identity.person_ids import PersonIds
from segops_membership.service.lookup.lookup import Lookup
from segops_membership.service.lookup.membership_now import MembershipNow
from segops_membership.service.members.changes import MemberChanges
from segops_membership.service.members.member_lists import MemberLists
from segops_membership.service.members.segment_history import SegmentHistory
from segops_membership.service.privacy.erasures import ErasePeople
from segops_membership.service.privacy.person_export import ExportPeople
from segops_membership.service.privacy.retention import KeepEvents
from segops_membership.service.status.status import ReadStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCases:
    """Created once for each process."""

    erase_people: ErasePeople
    explain: Explain
    export_people: ExportPeople
    lookup: Lookup
    members: MemberLists
    changes: MemberChanges
    activations: ManageActivations
    exports: SegmentExports
    history: SegmentHistory
    now: MembershipNow
    previews: Previews
    overlaps: Overlaps
    observed: ObservedEventsReader
    profile_events: ProfileEvents
    value_checks: ValueChecks
    retention: KeepEvents
    explorer: Explorer
    analytics: Analytics
    status: ReadStatus
    merges: Merges
    person_ids: PersonIds
    service_tokens: Sequence[str] = field(repr=False)
