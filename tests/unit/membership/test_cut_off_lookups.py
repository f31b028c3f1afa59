"""A lookup whose answer was cut off is an error, never an empty list."""

from __future__ import annotations

from typing import Any

import pytest

from segops_common.stores.clickhouse import ClickHouse, ResultSet
from segops_membership.adapters.clickhouse.membership_reader import ClickHouseMembershipReader
from segops_membership.ports.errors import EngineUnavailable


class CutOff(ClickHouse):
    """A server that closes its answers before the first row: the driver reads an empty result."""

    async def query(self, *_: Any, **__: Any) -> ResultSet:
        return ResultSet((), 0, 0)


async def test_an_answer_without_its_row_is_not_an_empty_list() -> None:
    reader = ClickHouseMembershipReader(clickhouse=CutOff(url="http://nowhere/segops"))
    with pytest.raises(EngineUnavailable):
        await reader.segments_of(1, ["u"], 7, None)
    with pytest.raises(EngineUnavailable):
        await reader.publication_numbers([1])
