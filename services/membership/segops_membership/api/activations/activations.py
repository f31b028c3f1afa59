"""The routes of activations."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from segops_common.contracts.http import ACTIVATIONS_PREFIX
from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams, PathId, TenantParams, require
from segops_common.web.problems import problems
from segops_membership.api.dependencies import SegmentsReader, UseCasesOfApp
from segops_membership.api.schemas.activations.activations import (
    ActivationCreate,
    ActivationList,
    ActivationRead,
    ActivationReplay,
    ActivationUpdate,
    DeliveryList,
    DeliveryRead,
    SyncQueued,
    TestQueued,
)
from segops_membership.service.activations.manage import ManageActivations

router: APIRouter = new_router(prefix=ACTIVATIONS_PREFIX, tags=["activations"])
SegmentsWriter = Annotated[Principal, require(Scope.SEGMENTS_WRITE)]


async def _use_case(use_cases: UseCasesOfApp) -> ManageActivations:
    return use_cases.activations


Activations = Annotated[ManageActivations, Depends(_use_case)]


async def _writable_tenants(activations: Activations, caller: SegmentsWriter, activation_id: PathId) -> Collection[int]:
    """Return the tenant of the activation. The caller must be allowed to read its members too: they are handed over."""
    visible = caller.tenants(Scope.SEGMENTS_READ) | caller.tenants(Scope.SEGMENTS_WRITE)
    tenant_id = (await activations.find(visible, activation_id)).tenant_id
    caller.require(tenant_id, Scope.SEGMENTS_WRITE)
    caller.require(tenant_id, Scope.MEMBERSHIP_READ)
    return (tenant_id,)


WritableTenants = Annotated[Collection[int], Depends(_writable_tenants)]


@router.post("/", summary="Create an activation", status_code=201, responses=problems(403, 409, 422, 503))
async def create_activation(activations: Activations, caller: SegmentsWriter, body: ActivationCreate) -> ActivationRead:
    """Store where the changes of a segment are sent. The activation is inactive until its `status` is set to `active`.

    The caller needs the scopes `segments:write` and `membership:read`. The address must be public, unless the installation
    allows others. A tenant can have 100 activations.
    """
    tenant_id = body.tenant_of(caller, Scope.SEGMENTS_WRITE, Scope.MEMBERSHIP_READ)
    slug = caller.slugs.get(tenant_id) or str(tenant_id)
    return ActivationRead.of(
        await activations.create(tenant_id, slug, body.segment, body.connector_type, body.settings())
    )


@router.get("/", summary="List activations", responses=problems(400, 403, 409, 422, 503))
async def list_activations(
    caller: SegmentsReader,
    choice: TenantParams,
    page: PageParams,
    activations: Activations,
    segment: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only activations of this segment.")] = None,
) -> ActivationList:
    """Return the activations of the tenant, or of all tenants of the caller, by ascending id."""
    named = choice.named(caller, Scope.SEGMENTS_READ)
    tenants = caller.tenants(Scope.SEGMENTS_READ) if named is None else (named,)
    return ActivationList.of(await activations.list(tenants, segment, page), page, ActivationRead.of)


@router.get("/{activation_id}/", summary="Show an activation", responses=problems(403, 404, 409, 503))
async def get_activation(activations: Activations, caller: SegmentsReader, activation_id: PathId) -> ActivationRead:
    """Return the activation with its status, without its secret."""
    return ActivationRead.of(await activations.find(caller.tenants(Scope.SEGMENTS_READ), activation_id))


@router.patch("/{activation_id}/", summary="Change an activation", responses=problems(403, 404, 409, 422, 503))
async def update_activation(
    activations: Activations, tenants: WritableTenants, activation_id: PathId, body: ActivationUpdate
) -> ActivationRead:
    """Change the given fields. With `{"status": "active"}`, the activation sends.

    The first start sends what runs change from then on; a later one continues where the activation stopped. Any change forgets
    earlier failures, and what was held is looked at anew.
    """
    return ActivationRead.of(await activations.update(tenants, activation_id, body.change()))


@router.delete(
    "/{activation_id}/", summary="Delete an activation", status_code=204, responses=problems(403, 404, 409, 503)
)
async def delete_activation(activations: Activations, tenants: WritableTenants, activation_id: PathId) -> None:
    """Delete the activation with its log. A request that was begun may still arrive."""
    await activations.remove(tenants, activation_id)


@router.post("/{activation_id}/sync/", summary="Send now", status_code=202, responses=problems(403, 404, 409, 503))
async def sync_activation(activations: Activations, tenants: WritableTenants, activation_id: PathId) -> SyncQueued:
    """Send at once what was not sent, instead of after the delay of a failed delivery. The activation must be active."""
    await activations.sync(tenants, activation_id)
    return SyncQueued()


@router.post("/{activation_id}/test/", summary="Send a test", status_code=202, responses=problems(403, 404, 409, 503))
async def test_activation(activations: Activations, tenants: WritableTenants, activation_id: PathId) -> TestQueued:
    """Send a request with the event `test`, also for an inactive activation. The log shows what came of it within seconds."""
    return TestQueued(delivery_id=await activations.test(tenants, activation_id))


@router.post(
    "/{activation_id}/replay/",
    summary="Send again from a position",
    responses=problems(400, 403, 404, 409, 410, 422, 503),
)
async def replay_activation(
    activations: Activations, tenants: WritableTenants, activation_id: PathId, body: ActivationReplay
) -> ActivationRead:
    """Let the activation continue at another place: at a cursor of the list of changes, or with a run.

    Requests that were sent before are sent under the same ids if they begin at the same place. `start` with `beginning` sends
    every change since the first run, so a new receiver gets all members.
    """
    starts = [name for name in ("cursor", "from_run", "start") if getattr(body, name) is not None]
    if len(starts) != 1:
        faults = [Fault(name, "not-allowed", "must be given without the others") for name in starts] or [
            Fault("start", "missing", "required, or `cursor` or `from_run` instead")
        ]
        raise ValidationFailed("Exactly one of `cursor`, `from_run` and `start` must be given.", errors=faults)
    return ActivationRead.of(
        await activations.replay(tenants, activation_id, body.cursor, body.start or "now", body.from_run)
    )


@router.post("/{activation_id}/approve/", summary="Send the held changes", responses=problems(403, 404, 409, 503))
async def approve_held_changes(
    activations: Activations, tenants: WritableTenants, activation_id: PathId
) -> ActivationRead:
    """Send the changes of the run that is held, and the changes of later runs."""
    return ActivationRead.of(await activations.approve(tenants, activation_id))


@router.post("/{activation_id}/discard/", summary="Discard the held changes", responses=problems(403, 404, 409, 503))
async def discard_held_changes(
    activations: Activations, tenants: WritableTenants, activation_id: PathId
) -> ActivationRead:
    """Do not send the changes of the run that is held. Changes of later runs are sent.

    The receiver then differs from the segment by these changes: a replay brings it up to date.
    """
    return ActivationRead.of(await activations.discard(tenants, activation_id))


@router.get("/{activation_id}/logs/", summary="List deliveries", responses=problems(400, 403, 404, 409, 422, 503))
async def list_deliveries(
    caller: SegmentsReader, activation_id: PathId, page: PageParams, activations: Activations
) -> DeliveryList:
    """Return the requests of the activation and what came of them, newest first. They are kept for 30 days."""
    tenants = caller.tenants(Scope.SEGMENTS_READ)
    return DeliveryList.of(await activations.deliveries(tenants, activation_id, page), page, DeliveryRead.of)
