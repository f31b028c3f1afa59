"""Failures of the engines and of definitions, in the words of problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Final

from segops_common.core.problems import Conflict, Fault, Unavailable, ValidationFailed
from segops_language import Group
from segops_membership.domain.referring import reference_faults
from segops_membership.domain.segment_graph import BrokenReference
from segops_membership.ports import LeaseLost, Outage, QueryRefused
from segops_membership.service.static_lists import ListLost

_MAX_FAULTS: Final = 20


def check_definition(
    definition: Group, known: Mapping[int, Group], segment_id: int | None, *, at: str = "definition"
) -> None:
    """Raises ValidationFailed for references that no definition of the segment may have; `at` is where it was given."""
    found = islice(reference_faults(definition, known, segment_id), _MAX_FAULTS)
    faults = [replace(fault, path=at + fault.path.removeprefix("definition")) for fault in found]
    if any(fault.code == "segment-cycle" for fault in faults):
        raise ValidationFailed("The segment would lead back to itself.", slug="segment-cycle", errors=faults)
    if faults:
        raise ValidationFailed("The definition cannot refer to these segments.", errors=faults)


@contextmanager
def refusals() -> Iterator[None]:
    """Raises Conflict (static-list-incomplete), Unavailable or ValidationFailed (evaluation-refused) for what an evaluation raises."""
    try:
        yield
    except (Outage, LeaseLost, TimeoutError) as error:
        raise Unavailable("Membership cannot be evaluated at the moment.", retry_after_s=1) from error
    except BrokenReference as error:
        raise Unavailable("A definition that this one leads to is not known here yet.", retry_after_s=1) from error
    except ListLost as error:
        raise Conflict(str(error), slug="static-list-incomplete") from error
    except QueryRefused as error:
        fault = Fault("definition", "evaluation-refused", str(error))
        raise ValidationFailed("The warehouse refused.", slug="evaluation-refused", errors=[fault]) from error
