"""What several types of condition share."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segops_language.model import LanguageModel, fault_at
from segops_language.values import MAX_INTEGER

CountOperator = Literal["eq", "neq", "gt", "gte", "lt", "lte", "between"]
Occurrence = Literal["first", "last"]
"""Ties on time are broken by message_id, as bytes: the smaller is first."""

Whole = Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class Compared(LanguageModel):
    """A condition whose operator compares a number with `value`."""

    @model_validator(mode="after")
    def _check_value(self) -> Self:
        operator: object = getattr(self, "operator", None)
        if isinstance(getattr(self, "value", None), tuple) != (operator == "between"):
            raise fault_at("value", "wrong-type", "`between` takes [low, high], every other operator a number.")
        return self
