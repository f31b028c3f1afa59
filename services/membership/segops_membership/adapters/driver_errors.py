"""Translates the errors of drivers into the errors of ports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from segops_common.core.problems import Unavailable
from segops_common.stores.clickhouse import ClickHouseError
from segops_common.streams.log import LogError
from segops_membership.ports.errors import EngineUnavailable


@contextmanager
def driver_errors() -> Iterator[None]:
    """Raise EngineUnavailable for what PostgreSQL sessions, ClickHouse calls and the event log raise."""
    try:
        yield
    except Unavailable as error:
        raise EngineUnavailable("PostgreSQL does not answer") from error
    except (ClickHouseError, LogError) as error:
        raise EngineUnavailable(str(error)) from error
