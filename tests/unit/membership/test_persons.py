"""Whose an id is, where some claims are in the log and not stored yet."""

from __future__ import annotations

import pytest

from segops_membership.adapters.memory.identity.joins import MemoryJoinReader
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.identity.joins import Claim, IdentityFacts, Person
from segops_membership.service.identity.persons import Persons

TENANT = 1
IN_LOG = IdentityFacts((Claim("ada", "eve", 2, "m"),), {"eve": 2})


@pytest.fixture
def persons() -> Persons:
    """Of a tenant where ada is known, and has a device."""
    warehouse = MemoryWarehouse()
    warehouse.tenant(TENANT).facts = IdentityFacts((Claim("device", "ada", 1, "m"),), {"ada": 1})
    return Persons(reader=MemoryJoinReader(warehouse=warehouse))


@pytest.mark.parametrize("id", ["ada", "device"])
async def test_a_claim_in_the_log_takes_no_stored_user_away(persons: Persons, id: str) -> None:
    assert await persons.person(TENANT, id, 9, IN_LOG) == Person("ada", ("ada", "device"))


async def test_a_claim_in_the_log_gives_no_stored_user_to_another(persons: Persons) -> None:
    assert await persons.person(TENANT, "eve", 9, IN_LOG) == Person("eve", ("eve",))
