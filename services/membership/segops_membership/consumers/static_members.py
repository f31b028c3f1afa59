"""Consumes changes of static lists, in their order."""

from __future__ import annotations

from pydantic import ValidationError

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch
from segops_membership.service.static_lists import StoreStaticLists


class StaticMembers:
    """See `BatchHandler`."""

    def __init__(self, *, lists: StoreStaticLists) -> None:
        self._lists = lists

    async def handle(self, batch: Batch) -> None:
        """Store the portions. Raises BadRecords for records that are none, or that a portion is missing before.

        Any other error is retried.
        """
        bad: list[BadRecord] = []
        portions: dict[int, StaticMembersChanged] = {}
        for record in batch.records:
            try:
                portions[record.offset] = StaticMembersChanged.model_validate_json(record.value)
            except ValidationError:
                bad.append(BadRecord(record.offset, "not-a-list-portion", "must be a portion of a static list"))
        rejected = await self._lists.store(list(portions.values()))
        bad += [
            BadRecord(offset, "portion-missing", "a portion before this one is missing")
            for offset, portion in portions.items()
            if portion in rejected
        ]
        if bad:
            raise BadRecords(bad)
