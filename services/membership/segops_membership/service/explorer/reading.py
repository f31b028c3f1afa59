"""Maps what reading the warehouse raises to problems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from segops_common.core.problems import Unavailable
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.service.identity.persons import TooManyIds, too_many_ids


@contextmanager
def reads_mapped() -> Iterator[None]:
    """Raise Unavailable when an engine does not answer in time, ValidationFailed (too-many-ids) for too many ids."""
    try:
        yield
    except TooManyIds as error:
        raise too_many_ids() from error
    except EngineUnavailable as error:
        raise Unavailable(
            "The warehouse did not answer in time. Retry, or ask for less: a shorter time, one event type or one user.",
            retry_after_s=1,
        ) from error
