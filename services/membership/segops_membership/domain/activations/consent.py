"""Whom an activation may send: users whose trait of consent is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

from segops_membership.domain.members.changes import MemberChange


class Consent(StrEnum):
    """What the trait says: true now, true once and not any more, or never true."""

    GIVEN = "given"
    WITHDRAWN = "withdrawn"
    NEVER_GIVEN = "never-given"


def with_consent(
    changes: Sequence[MemberChange], consents: Mapping[str, Consent]
) -> tuple[Sequence[MemberChange], Mapping[str, int]]:
    """Return the changes that may be sent, and how many are left out, by `entered` and `exited`.

    Somebody who has withdrawn the consent may be known to the receiver, so it learns that they exited.
    """
    allowed, left_out = [], Counter[str]()
    for change in changes:
        consent = consents.get(change.user_id, Consent.NEVER_GIVEN)
        if consent is Consent.GIVEN or (consent is Consent.WITHDRAWN and change.change == "exited"):
            allowed.append(change)
        else:
            left_out[change.change] += 1
    return allowed, left_out
