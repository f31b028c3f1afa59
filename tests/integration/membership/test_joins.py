"""Joined ids are one profile for SQL, the reference, explanations and look-ups."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from segops_common.stores.clickhouse import ClickHouse
from tests.corpus.builders import new_tenant
from tests.corpus.joins import JoinedWorld
from tests.integration.membership.joined import differing, store

WORLDS = 6
EXAMPLES = int(os.environ.get("EXAMPLES", "20000"))
WORLDS_OF_EXAMPLES = 10
"""A tenth of EXAMPLES: 2,000 worlds, each with a dozen definitions."""


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_sql_and_python_agree_where_ids_are_joined(clickhouse: ClickHouse, seed: int) -> None:
    world, tenant = JoinedWorld(seed), new_tenant()
    await store(clickhouse, tenant, world)

    assert await differing(clickhouse, tenant, world) == [], (world.persons(), world.events, world.resolutions)


def test_the_worlds_join_ids_in_every_way() -> None:
    worlds = [JoinedWorld(seed, definitions=0) for seed in range(WORLDS)]

    assert sum(bool(world.persons()) for world in worlds) >= WORLDS - 1
    assert any(world.resolutions for world in worlds)


@pytest.mark.long
@pytest.mark.timeout(0)
@settings(
    max_examples=max(EXAMPLES // WORLDS_OF_EXAMPLES, 1),
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.binary(min_size=8, max_size=8))
async def test_sql_and_python_agree_for_long_where_ids_are_joined(clickhouse: ClickHouse, seed: bytes) -> None:
    world, tenant = JoinedWorld(seed), new_tenant()
    await store(clickhouse, tenant, world)

    assert await differing(clickhouse, tenant, world) == [], (world.persons(), world.events, world.resolutions)
