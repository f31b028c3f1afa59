"""`.venv/bin/python scripts/topic_schemas.py`: write the JSON Schema of each topic's value to tests/contract/topics/schemas.

Run it after adding a field. A change that a present reader cannot read needs a new schema version instead.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from segops_common.contracts.events import EventRow, QuarantinedEvent
from segops_common.contracts.jobs import (
    ComputeJob,
    ComputeResultMessage,
    MembershipChanged,
    SegmentChanged,
    StaticMembersChanged,
)
from segops_common.contracts.topics import (
    COMPUTE_JOBS,
    COMPUTE_RESULTS,
    EVENT_IMPORTS,
    EVENTS,
    MEMBERSHIP_CHANGES,
    QUARANTINED_EVENTS,
    SEGMENTS,
    STATIC_MEMBERS,
    Topic,
)

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "contract" / "topics"
VALUES: dict[Topic, type[BaseModel]] = {
    EVENTS: EventRow,
    EVENT_IMPORTS: EventRow,
    QUARANTINED_EVENTS: QuarantinedEvent,
    COMPUTE_JOBS: ComputeJob,
    SEGMENTS: SegmentChanged,
    STATIC_MEMBERS: StaticMembersChanged,
    COMPUTE_RESULTS: ComputeResultMessage,
    MEMBERSHIP_CHANGES: MembershipChanged,
}


def schema(model: type[BaseModel]) -> str:
    """The text that is committed."""
    return json.dumps(_bare(model.model_json_schema()), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _bare(node: Any) -> Any:
    """Return the schema without descriptions.

    They are not on the wire, and the description of a shared model depends on which topic is written first.
    """
    if isinstance(node, list):
        return [_bare(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {key: _bare(value) for key, value in node.items() if key != "description" or not isinstance(value, str)}


def main() -> int:
    """Write all of them."""
    for topic, model in VALUES.items():
        (FOLDER / "schemas" / f"{topic.name}.json").write_text(schema(model), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
