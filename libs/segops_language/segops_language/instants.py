"""Instants as whole milliseconds since 1970, the precision at which the language compares times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def to_ms(instant: datetime) -> int:
    """Cut an aware instant to milliseconds, towards the past."""
    return (instant - _EPOCH) // _MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + milliseconds * _MILLISECOND
