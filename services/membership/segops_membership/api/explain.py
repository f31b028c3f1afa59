"""The route that explains a membership."""

from __future__ import annotations

from fastapi import APIRouter

from segops_common.contracts.http import MEMBERSHIP_PREFIX
from segops_common.security.permissions import Scope
from segops_common.web.app import new_router
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_common.web.request.route import READS_ONLY, takes_a_large_body
from segops_membership.api.dependencies import MembershipReader, UseCasesOfApp
from segops_membership.api.schemas.explain import ExplainRequest, ExplanationRead

router: APIRouter = new_router(prefix=MEMBERSHIP_PREFIX, tags=["membership"])


@router.post("/explain/", summary="Explain a membership", responses=problems(403, 404, 503), openapi_extra=READS_ONLY)
@takes_a_large_body
@charged("analyses")
async def explain_membership(
    use_cases: UseCasesOfApp, caller: MembershipReader, body: ExplainRequest
) -> ExplanationRead:
    """Say for every node of a definition whether it holds for a user, by which events, and when time would change it.

    Evaluates the segment's current definition over every event acknowledged before the request, so the result may differ
    from the last published membership. `stale` says when acknowledged events may be missing. Events later than `as_of` do not count, neither for the verdict nor for the predicted changes.
    Needs the scopes `membership:read` and `segments:read`.
    """
    tenant = body.tenant_of(caller, Scope.MEMBERSHIP_READ, Scope.SEGMENTS_READ)
    explanation = await use_cases.explain.explain(
        tenant, body.user_id, segment_id=body.segment_id, definition=body.definition, as_of=body.as_of
    )
    return ExplanationRead.of(body, explanation)
