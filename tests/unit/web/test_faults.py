"""What a request says wrong is said by name: codes of the product's own models reach the caller."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from segops_common.web.profile_id import ProfileId
from segops_common.web.request.validation import faults_of


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: ProfileId = "u"
    id: UUID | None = None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"user_id": " "}, ("user_id", "blank", "must have a visible character")),
        ({"user_id": "a\0"}, ("user_id", "nul-character", "must not contain U+0000")),
        ({"id": "nope"}, ("id", "wrong-format", "must be a UUID")),
        ({"id": 7}, ("id", "wrong-format", "must be a UUID")),
    ],
)
def test_a_fault_says_what_must_hold(body: dict[str, Any], expected: tuple[str, str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        Thing.model_validate(body)
    (fault,) = faults_of([dict(error) for error in refused.value.errors()])
    assert (fault.path, fault.code, fault.detail) == expected


def test_what_nobody_worded_says_nothing_of_the_input() -> None:
    (fault,) = faults_of([{"type": "callable_type", "loc": ("a",), "msg": "Input CANARY should be callable"}])
    assert (fault.code, fault.detail) == ("invalid", "must have a valid value")
