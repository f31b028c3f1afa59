"""Windows: which stretch of time a condition looks at, open at its start and closed at its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import TypeAliasType

from segops_language.model import LanguageModel, Optional, fault_at
from segops_language.values import Duration, Period, TimePoint


class LastWindow(LanguageModel):
    """The last so long before the evaluation instant."""

    last: Period


class RangeWindow(LanguageModel):
    """From one time to another; either end may be left out, not both."""

    from_: Optional[TimePoint] = Field(default=None, alias="from", description="Excluded.")
    to: Optional[TimePoint] = Field(default=None, description="Included; cut at the evaluation instant.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.from_ is None and self.to is None:
            raise fault_at("from", "required", "A window has `last`, or one of `from` and `to`.")
        if _is_empty(self.from_, self.to):
            raise fault_at("to", "window-order", "A window starts before its end.")
        return self


def _is_empty(start: datetime | Duration | None, end: datetime | Duration | None) -> bool:
    """Say whether no evaluation instant makes the start come before the end; ends of two kinds may, at some instant."""
    match start, end:
        case Duration(), Duration():
            return start.milliseconds <= end.milliseconds
        case Duration(), None:
            return start.amount == 0
        case datetime(), datetime():
            return start >= end
        case _:
            return False


def _window_kind(value: object) -> str:
    if isinstance(value, dict):
        return "last" if "last" in value else "range"
    return "last" if isinstance(value, LastWindow) else "range"


AnyWindow = LastWindow | RangeWindow
Window = TypeAliasType(
    "Window",
    Annotated[Annotated[LastWindow, Tag("last")] | Annotated[RangeWindow, Tag("range")], Discriminator(_window_kind)],
)
