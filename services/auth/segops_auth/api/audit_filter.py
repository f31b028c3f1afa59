"""The parameters that select entries of an audit log."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query

from segops_auth.api.schemas.fields import MAX_ID
from segops_auth.domain.audit_log import Action, AuditFilter
from segops_common.core.problems import Fault, ValidationFailed
from segops_common.web.fields import InstantText

_TARGET = r"^[a-z_]{1,32}(:[^\x00-\x1f]{1,256})?$"


async def _audit_filter(
    actor: Annotated[int | None, Query(ge=1, le=MAX_ID, description="Only what this user did.")] = None,
    action: Annotated[Action | None, Query(description="Only this action.")] = None,
    target: Annotated[
        str | None,
        Query(
            pattern=_TARGET,
            description="Only what was done to this target, such as `user:7` or `event_schema:purchase`, or to targets of this"
            " kind, such as `api_key`.",
            examples=["user:7"],
        ),
    ] = None,
    since: Annotated[InstantText | None, Query(description="Only entries at or after this instant.")] = None,
    until: Annotated[InstantText | None, Query(description="Only entries before this instant.")] = None,
) -> AuditFilter:
    """Return the filter of a request. Raises ValidationFailed when `since` is not before `until`."""
    if since is not None and until is not None and since >= until:
        fault = Fault("query.since", "invalid-range", "must be before `until`")
        raise ValidationFailed("`since` must be before `until`.", errors=[fault])
    return AuditFilter(actor_id=actor, action=action, target=target, since=since, until=until)


AuditFilterParams = Annotated[AuditFilter, Depends(_audit_filter)]
