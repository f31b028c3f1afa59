"""Whose an id is, as SQL: the ids that are joined to a person as of an instant, and how a statement groups by person.

`JOINED_TABLE` is a table that is sent along with a statement: one row per joined id, with the keys of the id and of its
person. So all statements of an evaluation see the same joins.
"""

from __future__ import annotations

from typing import Final

from segops_common.contracts.warehouse import IDENTITY_CLAIMS_TABLE, IDENTITY_MERGES_TABLE, PROFILE_SEEN_TABLE
from segops_membership.sql.parameters import Bindings, select

JOINED_TABLE: Final = "joined"
JOINED_STRUCTURE: Final = "key UInt64, person UInt64"
INVOLVED_KEYS: Final = select("arrayJoin([key, person])", JOINED_TABLE)
"""The keys of the joined ids and of their persons."""
JOINED_KEYS: Final = select("key", JOINED_TABLE)
PERSON_KEYS: Final = select("person", JOINED_TABLE)
EVERY_PERSON: Final = "'every' = 'every'"
EVERY_NUMBER: Final = "'number' = 'number'"
"""What `of_part` replaces in a statement, to evaluate the persons whose keys are in a range."""
PERSON: Final = "transform(user_key, joins.1, joins.2, user_key)"
"""The key of the person that an event belongs to; needs the bindings of `person_bindings`."""
_JOINS: Final = f"({select('(groupArray(key), groupArray(person))', JOINED_TABLE)}) AS joins"
EVENT_ID_OF_PERSON: Final = "concat(message_id, '\\0', if(user_id = '', anonymous_id, user_id))"
"""Events of two ids of a person may share a message_id."""


def person_bindings() -> Bindings:
    """Return bindings for a statement that groups by person."""
    return Bindings(event_id=EVENT_ID_OF_PERSON, shared=_JOINS)


def of_part(sql: str, first: int, last: int) -> str:
    """Return a statement that evaluates the persons whose keys are in a range, of one that evaluates all."""
    own = f"BETWEEN {first} AND {last}"
    joined = select("key", JOINED_TABLE, f"person {own}")
    person = f"(user_key IN ({joined}) OR user_key {own} AND user_key NOT IN ({JOINED_KEYS}))"
    return sql.replace(EVERY_PERSON, person).replace(EVERY_NUMBER, f"user_key {own}")


def any_join(tenant: str) -> str:
    """Return a SELECT of one number, 0 when the tenant has neither a claim nor a merge."""
    rows = " UNION ALL ".join(
        f"({select('1', table, f'tenant_id = {tenant}', 'LIMIT 1')})"
        for table in (IDENTITY_CLAIMS_TABLE, IDENTITY_MERGES_TABLE)
    )
    return select("count()", f"({rows})")


def joined_as_of(tenant: str, as_of: str) -> str:
    """Return a SELECT of `key` and `person`: each id that is joined to another one as of the instant.

    The smallest claim of an anonymous id counts, unless the id is a known user's by then: the `user_id` of an event, or named
    by a merge. The claimant may be merged into another user. Merges are stored with where they lead in the end.
    """
    of_tenant = f"tenant_id = {tenant}"
    merged = select(
        "user_key, argMax(canonical_key, at) AS person",
        f"{IDENTITY_MERGES_TABLE} FINAL",
        f"{of_tenant} AND at <= {as_of}",
        "GROUP BY user_key HAVING person != user_key",
    )
    named = select("arrayJoin([user_key, canonical_key])", IDENTITY_MERGES_TABLE, f"{of_tenant} AND at <= {as_of}")
    anonymous = select("anonymous_key", IDENTITY_CLAIMS_TABLE, of_tenant)
    users = select(
        "user_key",
        PROFILE_SEEN_TABLE,
        f"{of_tenant} AND user_key IN ({anonymous})",
        f"GROUP BY user_key HAVING min(first_known) <= {as_of}",
    )
    claims = select(
        "anonymous_key AS key, min(first_claim) AS first, xxHash64(first.3) AS holder",
        IDENTITY_CLAIMS_TABLE,
        f"{of_tenant} AND anonymous_key NOT IN ({users}) AND anonymous_key NOT IN ({named})",
        f"GROUP BY key HAVING first.1 <= {as_of}",
    )
    claimed = select(
        "key, if(merged.user_key = holder, merged.person, holder) AS person",
        f"({claims}) AS claimed LEFT JOIN ({merged}) AS merged ON holder = merged.user_key",
    )
    return f"{claimed} UNION ALL {select('user_key AS key, person', f'({merged})')}"
