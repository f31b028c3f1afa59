"""Counting the rows of a file, wherever its chunks are cut."""

from __future__ import annotations

import pytest

from segops_membership.adapters.clickhouse.members.sets import RowCount
from segops_membership.domain.members.sets import MemberFormat

TIME = "2026-03-01T12:00:00.000Z"
CSV = f'"user_id","computed_at"\n"a","{TIME}"\n"two\nlines","{TIME}"\n"Z""\n","{TIME}"\n'.encode()
NDJSON = f'{{"user_id":"a\\n","computed_at":"{TIME}"}}\n'.encode() * 3
PARQUET = b"PAR1 rows footer PAR1"


@pytest.mark.parametrize(
    ("member_format", "content"),
    [(MemberFormat.CSV, CSV), (MemberFormat.NDJSON, NDJSON), (MemberFormat.PARQUET, PARQUET)],
)
def test_a_file_is_complete_when_all_of_it_came(member_format: MemberFormat, content: bytes) -> None:
    for size in (1, 2, 3, 5, len(content)):
        rows = RowCount(member_format)
        for start in range(0, len(content), size):
            assert not rows.is_complete(3)
            rows.add(content[start : start + size])
        assert rows.is_complete(3)


def test_rows_must_be_as_many_as_members() -> None:
    for member_format, content in ((MemberFormat.CSV, CSV), (MemberFormat.NDJSON, NDJSON)):
        rows = RowCount(member_format)
        rows.add(content)
        assert [rows.is_complete(size) for size in (2, 3, 4)] == [False, True, False]
