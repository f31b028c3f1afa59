"""Changes of static lists that only a correct fold of their versions turns into the lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

FIRST_VERSION = 2
LAST_VERSION = 3

ListChange = tuple[int, int, str, bool]
"""Segment, list version, user, and whether the version added the user."""


def list_changes(lists: Mapping[int, frozenset[str]], others: Iterable[str]) -> Iterator[ListChange]:
    """Yield changes whose versions 2 and 3 make the lists; versions before and after mention other users only."""
    for segment_id, users in lists.items():
        for i, user_id in enumerate(sorted(users)):
            yield segment_id, 2, user_id, i % 2 == 0
            yield segment_id, 3 - i % 2, user_id, i % 2 == 0
            if i % 2:
                yield segment_id, 3, user_id, True
        for i, user_id in enumerate(sorted(frozenset(others) - users)):
            yield segment_id, 1, user_id, True
            yield segment_id, 4, user_id, True
            if i % 2:
                yield segment_id, 2, user_id, True
                yield segment_id, 3, user_id, False
