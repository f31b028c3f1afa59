"""Maps what an evaluation raises to problems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from segops_common.core.problems import Conflict, Fault, Unavailable, ValidationFailed
from segops_membership.domain.segment_graph import BrokenReference
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.evaluation import QueryRefused
from segops_membership.ports.tenant_leases import LeaseLost
from segops_membership.service.identity.persons import TooManyIds, too_many_ids
from segops_membership.service.static_lists import StaticListIncomplete

ANALYSIS_TIMEOUT_S: Final = 12.0
"""How long an evaluation may take, unless the settings say otherwise."""
_RETRY_AFTER_S: Final = 5


@asynccontextmanager
async def time_limit(seconds: float) -> AsyncIterator[None]:
    """Cancel the block after that time, and raise Unavailable (evaluation-too-slow)."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Unavailable(
            f"The evaluation was stopped after {seconds:g} s. Ask for fewer event types or shorter windows, or save the"
            " definition and compute it: a run may take longer.",
            retry_after_s=_RETRY_AFTER_S,
            slug="evaluation-too-slow",
        ) from error


@contextmanager
def errors_mapped() -> Iterator[None]:
    """Raise Conflict (static-list-incomplete), Unavailable or ValidationFailed (evaluation-refused, too-many-ids)."""
    try:
        yield
    except (EngineUnavailable, LeaseLost, TimeoutError) as error:
        raise Unavailable("Membership cannot be evaluated now. Retry.", retry_after_s=1) from error
    except TooManyIds as error:
        raise too_many_ids() from error
    except BrokenReference as error:
        raise Unavailable(
            "The definition of a referenced segment has not arrived yet. Retry.", retry_after_s=1
        ) from error
    except StaticListIncomplete as error:
        raise Conflict(str(error), slug="static-list-incomplete") from error
    except QueryRefused as error:
        fault = Fault("definition", "evaluation-refused", str(error))
        raise ValidationFailed(
            "The warehouse refused to evaluate the definition.", slug="evaluation-refused", errors=[fault]
        ) from error
