"""Changes of static lists from the topic: read, and handed to the use case in their order."""

from __future__ import annotations

from pydantic import ValidationError

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch
from segops_membership.service.static_lists import TakeInLists


class StaticMembers:
    """See `BatchHandler`."""

    def __init__(self, *, lists: TakeInLists) -> None:
        self._lists = lists

    async def handle(self, batch: Batch) -> None:
        """Raises BadRecords for records that are no portions, or miss one before them; all else is tried again."""
        bad: list[BadRecord] = []
        portions: dict[int, StaticMembersChanged] = {}
        for record in batch.records:
            try:
                portions[record.offset] = StaticMembersChanged.model_validate_json(record.value)
            except ValidationError:
                bad.append(BadRecord(record.offset, "not-a-list-portion", "not a portion of a static list"))
        lost = await self._lists.take_in(list(portions.values()))
        bad += [
            BadRecord(offset, "portion-missing", "a portion before this one is missing")
            for offset, portion in portions.items()
            if portion in lost
        ]
        if bad:
            raise BadRecords(bad)
