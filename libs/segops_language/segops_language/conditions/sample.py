"""`sample`: a stable share of the profiles."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal, Self

import xxhash
from pydantic import Field, model_validator

from segops_language.conditions.base import (
    Condition,
    Evidence,
    Kind,
    ProfileView,
    no_change_points,
    no_other_events,
    no_reads,
)
from segops_language.model import Negate, Optional, fault_at
from segops_language.text.parts import quoted
from segops_language.text.phrases import number_phrase
from segops_language.text.tokens import TokenReader
from segops_language.values import Number, Text


class Sample(Condition):
    """A stable share of the profiles, chosen by a hash of the seed and the profile's id."""

    type: Literal["sample"]
    percent: Annotated[Number, Field(json_schema_extra={"minimum": 0, "maximum": 100})]
    seed: Optional[Text] = Field(default=None, description="Default: the segment's id.")
    negate: Negate = False

    @model_validator(mode="after")
    def _check_percent(self) -> Self:
        if not 0 <= self.percent <= 100:
            raise fault_at("percent", "out-of-range", "must be from 0 to 100")
        return self


def place_among_million(condition: Sample, profile: ProfileView) -> int:
    """Return the profile's place, from 0 to 999,999, in the sample's order."""
    seed = str(profile.segment_id) if condition.seed is None else condition.seed
    return xxhash.xxh64_intdigest(f"{seed}:{profile.profile_id}".encode(), seed=0) % 1_000_000


def _holds(condition: Sample, profile: ProfileView) -> bool:
    return place_among_million(condition, profile) < Fraction(str(condition.percent)) * 10_000


def _evidence(condition: Sample, profile: ProfileView) -> Evidence:
    place = place_among_million(condition, profile) / 10_000
    return Evidence(
        value=place,
        target=condition.percent,
        text=f"drawn at {place:g} %",
        requirement=f"a draw under {condition.percent:g} %",
    )


def _constant(condition: Sample) -> bool | None:
    return {0: False, 100: True}.get(int(condition.percent)) if float(condition.percent).is_integer() else None


def _phrase(condition: Sample) -> str:
    seed = "" if condition.seed is None else f" drawn with the seed {quoted(condition.seed)}"
    return f"who are in a random sample of {number_phrase(condition.percent)} %{seed}"


def _write(condition: Sample) -> str:
    seed = "" if condition.seed is None else f" seed {quoted(condition.seed)}"
    return f"sample {quoted(condition.percent)} percent{seed}"


def _starts(reader: TokenReader) -> bool:
    return reader.peek() == "sample"


def _read(reader: TokenReader) -> dict[str, Any]:
    reader.take("sample")
    document: dict[str, Any] = {"type": "sample", "percent": reader.value()}
    reader.take("percent")
    return document | ({"seed": reader.string()} if reader.take_if("seed") else {})


KIND = Kind(
    name="sample",
    model=Sample,
    schema=Sample,
    holds=_holds,
    reads=no_reads,
    other_events=no_other_events,
    change_points=no_change_points,
    evidence=_evidence,
    constant=_constant,
    phrase=_phrase,
    write=_write,
    starts=_starts,
    read=_read,
    examples=(
        {"type": "sample", "percent": 12.5},
        {"type": "sample", "percent": 50, "seed": "spring", "negate": True},
    ),
)
