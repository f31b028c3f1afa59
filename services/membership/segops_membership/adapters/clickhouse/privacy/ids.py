"""Every id that the warehouse has of a tenant."""

from __future__ import annotations

from typing import Final

from segops_common.contracts.warehouse import (
    DEAD_LETTERS_TABLE,
    IDENTITY_CLAIMS_BY_USER_TABLE,
    IDENTITY_CLAIMS_TABLE,
    IDENTITY_MERGES_TABLE,
    PROFILE_SEEN_TABLE,
)
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE
from segops_membership.sql.parameters import select

_HASHED: Final = "xxHash64({0}) AS key, {0} AS id"
_KEYED: Final = "user_key AS key, user_id AS id"
_LETTER: Final = (
    "if(JSONExtractString(line, '{0}') = '', JSONExtractString(line, '{1}'), JSONExtractString(line, '{0}'))"
)
_PLACES: Final = (
    (PROFILE_SEEN_TABLE, _KEYED),
    (STATIC_MEMBERS_TABLE, _KEYED),
    ("profiles", _KEYED),
    (IDENTITY_CLAIMS_TABLE, "anonymous_key AS key, anonymous_id AS id"),
    (IDENTITY_CLAIMS_TABLE, _HASHED.format("tupleElement(first_claim, 'user_id')")),
    (IDENTITY_CLAIMS_BY_USER_TABLE, "anonymous_key AS key, anonymous_id AS id"),
    (IDENTITY_MERGES_TABLE, _HASHED.format("user_id")),
    (IDENTITY_MERGES_TABLE, _HASHED.format("canonical_id")),
    (DEAD_LETTERS_TABLE, _HASHED.format(_LETTER.format("user_id", "anonymous_id"))),
)
"""The tables with ids, and the columns of the key and the id in them."""


def ids_page(tenant: str, first: str, limit: str) -> str:
    """Return the statement for one row with an array of keys and ids, ascending by key, all ids of the last key included.

    The parameters are placeholders.
    """
    rows = " UNION ALL ".join(
        select(columns, table, f"tenant_id = {tenant} AND key >= {first}") for table, columns in _PLACES
    )
    page = select("DISTINCT key, id", f"({rows})", tail=f"ORDER BY key LIMIT {limit} WITH TIES")
    return select("groupArray((key, id))", f"({page})")
