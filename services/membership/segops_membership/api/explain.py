"""The route that explains a membership."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter

from segops_common.contracts.http import MEMBERSHIP_PREFIX
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.web.app import new_router
from segops_common.web.dependencies import require
from segops_common.web.problems import problems
from segops_common.web.request.route import READS_ONLY
from segops_membership.api.deps import UseCasesOfApp
from segops_membership.api.explain_models import ExplainRequest, ExplanationRead

Reader = Annotated[Principal, require(Scope.MEMBERSHIP_READ)]
router: APIRouter = new_router(prefix=MEMBERSHIP_PREFIX, tags=["membership"])


@router.post("/explain/", summary="Explain a membership", responses=problems(403, 404, 503), openapi_extra=READS_ONLY)
async def explain_membership(use_cases: UseCasesOfApp, caller: Reader, body: ExplainRequest) -> ExplanationRead:
    """Says of every node of a definition whether it holds for a user, by which events, and when time would change it.

    Evaluated at once from the events in the warehouse, by the segment's present definition: a membership that was
    published before may differ. It takes the scopes membership:read and segments:read. Events later than `as_of` are
    left out, from the instants of change too.
    """
    caller.require(body.tenant, Scope.MEMBERSHIP_READ)
    caller.require(body.tenant, Scope.SEGMENTS_READ)
    answer = await use_cases.explain.explain(
        body.tenant, body.user_id, segment_id=body.segment_id, definition=body.definition, as_of=body.as_of
    )
    return ExplanationRead.of(body, answer)
