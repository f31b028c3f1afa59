"""A stable share of the profiles."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from segops_language.model import LanguageModel, Negate, Optional, fault_at
from segops_language.values import Number, Text


class Sample(LanguageModel):
    """A stable share of the profiles, chosen by a hash of the seed and the profile's id."""

    type: Literal["sample"]
    percent: Annotated[Number, Field(json_schema_extra={"minimum": 0, "maximum": 100})]
    seed: Optional[Text] = Field(default=None, description="The segment's id when left out.")
    negate: Negate = False

    @model_validator(mode="after")
    def _check_percent(self) -> Self:
        if not 0 <= self.percent <= 100:
            raise fault_at("percent", "out-of-range", "A percentage is 0 to 100.")
        return self
