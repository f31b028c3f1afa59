"""The routes of retention, with their schemas."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import APIRouter
from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from segops_common.contracts.http import EXPLORER_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.fields import TenantFields
from segops_common.web.problems import problems
from segops_language.lint.retention import Retention
from segops_language.model import Items, fault_at
from segops_membership.api.dependencies import UseCasesOfApp
from segops_membership.api.explorer.dependencies import EventsReader, TenantOfEvents
from segops_membership.api.privacy.routes import Eraser
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, RequestBody, Response
from segops_membership.domain.privacy.retention import MAX_DAYS, MAX_EVENT_TYPES, TenantRetention

router: APIRouter = new_router(prefix=EXPLORER_PREFIX, tags=["privacy"])
_RULES: Final[JsonDict] = {"default_days": 400, "event_types": [{"event_type": "page_viewed", "days": 90}]}
_EXAMPLE: Final[JsonDict] = {
    **_RULES,
    "removed": [{"event_type": "page_viewed", "events": 1204}],
    "changed_at": EXAMPLE_INSTANT,
    "applied_at": EXAMPLE_INSTANT,
}
Days = Annotated[int, Field(ge=1, le=MAX_DAYS)]
_DEFAULT: Final = "For all other event types. Null: they are kept. Traits (`$identify`) need a rule of their own."


class RetentionRule(RequestBody):
    """How long events of one type are kept."""

    event_type: Annotated[str, Field(min_length=1, max_length=256, examples=["page_viewed"])]
    days: Days


class RetentionChange(TenantFields, RequestBody):
    """The retention of a tenant."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, **_RULES}]})

    default_days: Days | None = Field(default=None, description=_DEFAULT)
    event_types: Annotated[Items[RetentionRule], Field(max_length=MAX_EVENT_TYPES)] = ()

    @model_validator(mode="after")
    def _check_types(self) -> Self:
        names = [rule.event_type for rule in self.event_types]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise fault_at(f"event_types[{index}].event_type", "duplicate", "must not name an event type twice")
        return self

    def retention(self) -> Retention:
        """Return the retention that the request asks for."""
        return Retention(self.default_days, {rule.event_type: rule.days for rule in self.event_types})


class RetentionRuleRead(Response):
    """How long events of one type are kept."""

    event_type: str
    days: int


class RemovedRead(Response):
    """How many events of a type were removed because of their age."""

    event_type: str
    events: Annotated[int, Field(json_schema_extra={"format": "int64"})]


class RetentionRead(Response):
    """How long events are kept, and what was removed."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    default_days: int | None = Field(default=None, description=_DEFAULT)
    event_types: tuple[RetentionRuleRead, ...]
    removed: tuple[RemovedRead, ...] = Field(description="Stored rows, by event type, since there is a retention.")
    changed_at: datetime | None = None
    applied_at: datetime | None = Field(default=None, description="When old events were last removed.")

    @classmethod
    def of(cls, stored: TenantRetention) -> RetentionRead:
        """Return the response for a retention."""
        retention = stored.retention
        return cls(
            default_days=retention.default_days,
            event_types=tuple(
                RetentionRuleRead(event_type=name, days=days) for name, days in sorted(retention.days.items())
            ),
            removed=tuple(
                RemovedRead(event_type=name, events=count) for name, count in sorted(retention.removed.items())
            ),
            changed_at=stored.changed_at,
            applied_at=stored.applied_at,
        )


@router.get("/retention/", summary="Read how long events are kept", responses=problems(401, 403, 422, 503))
async def read_retention(use_cases: UseCasesOfApp, _caller: EventsReader, tenant_id: TenantOfEvents) -> RetentionRead:
    """Return the days by event type, and how many events were removed so far. Without a rule, events are kept."""
    return RetentionRead.of(await use_cases.retention.find(tenant_id))


@router.put("/retention/", summary="Choose how long events are kept", responses=problems(403, 422, 503))
async def set_retention(use_cases: UseCasesOfApp, caller: Eraser, body: RetentionChange) -> RetentionRead:
    """Replace the retention of the tenant. Older events are removed within minutes, and then once a day. This cannot be undone.

    Events are removed by their `timestamp`. Previews and validations warn about conditions that look further back.
    """
    tenant_id = body.tenant_of(caller, Scope.PROFILES_ERASE)
    return RetentionRead.of(await use_cases.retention.change(tenant_id, caller, body.retention()))
