"""The contract of every outbox."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.segments.store_builders import NOW, add_run, dispatch, drain
from tests.unit.segments.store_contract import StoreContract, Stored, new_tenant


class OutboxContract(StoreContract):
    """What every outbox does."""

    async def test_messages_are_claimed_in_order_until_they_are_sent(self, stored: Stored, tenant: int) -> None:
        await drain(stored)
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            for _ in range(3):
                await unit.put_segment_change(tenant, segment.to_message())
        ids: list[int] = []

        async def fail() -> None:
            async with stored.claim(10) as claim:
                ids.extend(message.id for message in claim.messages)
                await claim.mark_sent(ids[0], NOW)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with stored.claim(2) as claim:
            assert [message.id for message in claim.messages] == ids[:2]
            assert {(message.tenant_id, message.topic) for message in claim.messages} == {(tenant, "segops.segments")}
            assert claim.messages[0].value.endswith(b"}\n")
            await claim.mark_sent(ids[0], NOW)
        assert await drain(stored) == [(tenant, message_id) for message_id in ids[1:]]

    async def test_a_tenant_is_relayed_by_one_at_a_time(self, stored: Stored, tenant: int) -> None:
        await drain(stored)
        other = new_tenant()
        for owner in (tenant, other):
            segment = await self.add(stored, owner)
            async with stored.writing(owner) as unit:
                await unit.put_segment_change(owner, segment.to_message())
        async with stored.claim(1) as one, stored.claim(10) as two:
            assert [message.tenant_id for message in one.messages] == [tenant]
            assert tenant not in {message.tenant_id for message in two.messages}

    async def test_a_job_can_be_recalled_until_it_is_claimed(self, stored: Stored, tenant: int) -> None:
        await drain(stored)
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            first = await dispatch(unit, await add_run(unit, segment, fixed=True))
            second = await dispatch(unit, await add_run(unit, segment, fixed=True))
            assert first.message_id is not None
            assert second.message_id is not None
        async with stored.writing(tenant) as unit:
            assert not await unit.recall_job(tenant + 1_000_000, first.message_id)
            assert await unit.recall_job(tenant, first.message_id)
            assert not await unit.recall_job(tenant, first.message_id)
        async with stored.claim(10) as claim:
            assert [message.id for message in claim.messages] == [second.message_id]
            async with stored.writing(tenant) as unit:
                assert not await unit.recall_job(tenant, second.message_id)
        async with stored.writing(tenant) as unit:
            assert not await unit.recall_job(tenant, second.message_id), (
                "a relay has claimed it, even if it did not mark it as sent"
            )

    async def test_messages_that_were_sent_long_ago_are_deleted(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        async with stored.writing(tenant) as unit:
            await unit.put_segment_change(tenant, segment.to_message())
        # Messages that other tests have sent are not counted.
        await stored.delete_sent(NOW)
        await drain(stored)
        assert await stored.delete_sent(NOW) == 0
        assert await stored.delete_sent(NOW + timedelta(seconds=1)) >= 1
        assert await drain(stored) == []
