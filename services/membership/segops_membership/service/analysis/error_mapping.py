"""Maps what an evaluation raises to problems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from segops_common.core.problems import Conflict, Fault, Unavailable, ValidationFailed
from segops_membership.domain.segment_graph import BrokenReference
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.evaluation import QueryRefused
from segops_membership.ports.tenant_leases import LeaseLost
from segops_membership.service.static_lists import StaticListIncomplete


@contextmanager
def errors_mapped() -> Iterator[None]:
    """Raise Conflict (static-list-incomplete), Unavailable or ValidationFailed (evaluation-refused)."""
    try:
        yield
    except (EngineUnavailable, LeaseLost, TimeoutError) as error:
        raise Unavailable("Membership cannot be evaluated now. Retry.", retry_after_s=1) from error
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
