"""Windows: the interval of time that a condition looks at, excluding its start and including its end."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self

from pydantic import Discriminator, Field, Tag, model_validator
from typing_extensions import TypeAliasType

from segops_language.model import LanguageModel, Optional, fault_at
from segops_language.values import Duration, Period, TimePoint


class LastWindow(LanguageModel):
    """The time within a duration before the evaluation instant."""

    last: Period


class RangeWindow(LanguageModel):
    """The time between two points; one of them may be omitted."""

    from_: Optional[TimePoint] = Field(default=None, alias="from", description="Start, excluded.")
    to: Optional[TimePoint] = Field(default=None, description="End, included; at most the evaluation instant.")

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.from_ is None and self.to is None:
            raise fault_at("from", "required", "a window must have `last`, `from` or `to`")
        if self.to is None and isinstance(self.from_, Duration) and self.from_.amount == 0:
            raise fault_at("from", "window-order", "must be longer than zero: the window ends now")
        if _is_empty(self.from_, self.to):
            raise fault_at("to", "window-order", "must be after `from`")
        return self


def _is_empty(start: datetime | Duration | None, end: datetime | Duration | None) -> bool:
    """Return whether the window is empty at every evaluation instant; a duration and an instant may be in order at some."""
    match start, end:
        case Duration(), Duration():
            return start.milliseconds <= end.milliseconds
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
