"""What every adapter says when its engine does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from segops_common.core.problems import Unavailable
from segops_common.stores.clickhouse import ClickHouseError
from segops_membership.ports import Outage


@contextmanager
def outages() -> Iterator[None]:
    """Raises Outage for what a session of PostgreSQL or a call to ClickHouse raises."""
    try:
        yield
    except Unavailable as error:
        raise Outage("PostgreSQL does not answer") from error
    except ClickHouseError as error:
        raise Outage(str(error)) from error
