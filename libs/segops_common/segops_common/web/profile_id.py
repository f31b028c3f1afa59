"""The field type for ids of users in requests."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from segops_common.core.profile_ids import MAX_PROFILE_ID_CHARS, profile_id_fault


def _check(value: str) -> str:
    fault = profile_id_fault(value)
    if fault is not None:
        code, detail = fault
        raise PydanticCustomError(code, detail)
    return value


ProfileId = Annotated[str, Field(min_length=1, max_length=MAX_PROFILE_ID_CHARS), AfterValidator(_check)]
