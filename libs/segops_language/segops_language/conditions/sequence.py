"""Events in an order."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segops_language.filters import Where
from segops_language.model import Items, LanguageModel, Negate, Optional, fault_at
from segops_language.values import DurationText, EventTypeText
from segops_language.windows import Window


class Step(LanguageModel):
    """One event of a sequence."""

    event_type: EventTypeText
    where: Where = ()


class EventSequence(LanguageModel):
    """Events happened in this order at rising times, the last within a duration of the first."""

    type: Literal["event_sequence"]
    steps: Annotated[Items[Step], Field(json_schema_extra={"minItems": 2, "maxItems": 8})]
    within: DurationText
    window: Optional[Window] = None
    negate: Negate = False

    @model_validator(mode="after")
    def _check_steps(self) -> Self:
        if not 2 <= len(self.steps) <= 8:
            raise fault_at("steps", "wrong-length", "A sequence has 2 to 8 steps.")
        return self
