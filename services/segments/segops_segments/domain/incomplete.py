"""When a segment whose members come from an incomplete run is computed again, without a request.

`consumers/catch_up.py` asks every second, in the role `outbox`, and `service/schedule/catch_up.py` requests the runs once
the missing events are stored. PostgreSQL answers by the same rule in SQL, `adapters/postgres/incomplete.py`; a contract
test compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence

from segops_segments.domain.run import RunPart


def must_be_repeated(parts: Sequence[RunPart]) -> bool:
    """Return whether the last published run of a segment is incomplete and no later run makes up for it.

    `parts` are all parts of the segment, ascending by run. Any later run at a shared instant counts, however it ended:
    a segment that fails is not computed again and again.
    """
    for part in reversed(parts):
        if part.outcome is not None and part.outcome.published:
            return part.outcome.behind is not None
        if not part.fixed:
            return False
    return False
