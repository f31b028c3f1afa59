"""Requests and responses of previews and SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter
from pydantic.config import JsonDict

from segops_common.contracts.jobs import IngestLag
from segops_common.web.fields import TenantFields
from segops_language import EXAMPLE, Definition, InstantText, LanguageFault, Optional
from segops_language.values.instants import from_ms
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, Id, RequestBody, Response
from segops_membership.ports.evaluation import Query
from segops_membership.service.analysis.previews import SAMPLE_SIZE, Estimate, Preview, Selection
from segops_membership.service.analysis.snapshots import Reading

EXAMPLE_READING: Final[JsonDict] = {
    "as_of": EXAMPLE_INSTANT,
    "rows_read": 251300,
    "bytes_read": 6031200,
    "predicates": 3,
    "cached_predicates": 2,
    "pending_profiles": 0,
    "incomplete": True,
    "behind": {"positions": 12, "seconds": 3.5},
}
UNIVERSE: Final = "All users with an event by then, and all users of the static lists that the definition uses."
AS_OF: Final = (
    "Evaluate as of this instant. Default: now, or an instant at most 5 s ago. "
    "To make the next edit cheaper, send the `as_of` of the response with it: then only new predicates are read."
)
UserIds = Annotated[tuple[str, ...], Field(description="At most ten user ids, spread evenly over all.")]

MAX_WARNINGS: Final = 20
MAX_SAMPLE: Final = 100
_JSON_OBJECT: Final = TypeAdapter(dict[str, JsonValue])


class SqlRequest(TenantFields, RequestBody):
    """A definition, which need not be saved."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, "definition": EXAMPLE}]})

    definition: Definition
    segment_id: Optional[Id] = Field(
        default=None,
        description="The segment that the definition is for. Its id seeds `sample` conditions, and the definition must "
        "not lead back to it.",
    )
    as_of: Optional[InstantText] = Field(default=None, description=AS_OF)


class PreviewRequest(SqlRequest):
    """A definition, which need not be saved."""

    limit: int = Field(
        default=SAMPLE_SIZE, ge=0, le=MAX_SAMPLE, description="At most how many user ids `sample_user_ids` has."
    )


class QueryRead(Response):
    """One statement, which returns one row."""

    sql: str = Field(description="SQL with `{name:Type}` for each parameter, as ClickHouse binds them.")
    parameters: dict[str, JsonValue]
    predicates: int = Field(
        description="How many predicates the statement evaluates, each in a bitmap column; 0 for the universe. A sequence "
        "has one more column: profiles for which the order of events at one time matters. If there are any, the statement "
        "after it decides them."
    )
    rows: int = Field(
        description="Rows that the statement reads at most, estimated from the index. Rows added later are not counted."
    )


class SqlRead(Response):
    """The statements of a run. The definition's logic combines their results."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "as_of": EXAMPLE_INSTANT,
                    "queries": [
                        {
                            "sql": "SELECT base64Encode(toString(groupBitmapState(n))) FROM profiles FINAL"
                            " WHERE tenant_id = {p0:UInt64} AND …",
                            "parameters": {"p0": 1},
                            "predicates": 0,
                            "rows": 60000,
                        }
                    ],
                }
            ]
        }
    )

    as_of: datetime
    queries: tuple[QueryRead, ...]

    @classmethod
    def of(cls, as_of_ms: int, queries: Sequence[Query]) -> SqlRead:
        """Return the response for the statements."""
        return cls(
            as_of=from_ms(as_of_ms),
            queries=tuple(
                QueryRead(
                    sql=query.sql,
                    parameters=_JSON_OBJECT.validate_python(query.parameters),
                    predicates=query.predicates,
                    rows=query.rows,
                )
                for query in queries
            ),
        )


class BehindRead(Response):
    """How far the warehouse was behind the acknowledged events. Null: unknown, because the event log did not answer."""

    positions: int | None = Field(
        description="Records of the event log that were not stored yet; a record has many events."
    )
    seconds: float | None = Field(description="The age of the oldest of them.")

    @classmethod
    def of(cls, lag: IngestLag) -> BehindRead:
        """Return the response for a lag."""
        return cls(positions=lag.positions, seconds=lag.seconds)


class ReadingRead(Response):
    """What an evaluation read."""

    as_of: datetime = Field(description="The instant of the response. Later events do not count.")
    rows_read: int
    bytes_read: int
    predicates: int = Field(description="How many distinct predicates the definition has on events and traits.")
    cached_predicates: int = Field(description="How many of them were cached, and not read again.")
    pending_profiles: int = Field(
        description="New profiles that are left out of every number, because a run holds the tenant. "
        "When it is not 0, ask again in a moment."
    )
    incomplete: bool = Field(
        description="True when events that were acknowledged before the request were not stored in time, so they do not "
        "count. Ask again when they are."
    )
    behind: BehindRead | None = Field(description="How far the warehouse was behind; null when it was not.")


def reading_fields(reading: Reading) -> dict[str, object]:
    """Return the values of `ReadingRead`."""
    return {
        "as_of": from_ms(reading.as_of_ms),
        "rows_read": reading.rows_read,
        "bytes_read": reading.bytes_read,
        "predicates": len(reading.members),
        "cached_predicates": reading.cached_predicates,
        "pending_profiles": reading.pending_profiles,
        "incomplete": reading.behind is not None,
        "behind": None if reading.behind is None else BehindRead.of(reading.behind),
    }


class EstimateRead(ReadingRead):
    """How many users the current definition of a segment selects, exactly."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{**EXAMPLE_READING, "segment_id": 42, "version": 2, "matched_users": 1204, "universe": 60000}]
        }
    )

    segment_id: int
    version: int = Field(description="The version of the segment that was evaluated.")
    matched_users: int = Field(description="How many users the definition selects, or a static list has.")
    universe: int = Field(description=UNIVERSE)

    @classmethod
    def of(cls, estimate: Estimate) -> EstimateRead:
        """Return the response for an estimate."""
        return cls.model_validate(
            {
                **reading_fields(estimate.reading),
                "segment_id": estimate.segment_id,
                "version": estimate.version,
                "matched_users": estimate.matched,
                "universe": estimate.universe,
            }
        )


class SelectionRead(Response):
    """A number of profiles, and some of them."""

    count: int
    sample: UserIds

    @classmethod
    def of(cls, selection: Selection) -> SelectionRead:
        """Return the response for a selection."""
        return cls(count=selection.count, sample=selection.sample)


class ConditionShare(Response):
    """What one node of the tree does by itself, whatever its siblings do; negation is included."""

    path: str = Field(description="The node, for example `definition.conditions[0].conditions[1]`.")
    kept: int
    dropped: int


class ValueWarning(Response):
    """A filter that does not fit the values of its property."""

    path: str = Field(description="The part, as in `definition.conditions[2].property`.")
    code: str = Field(description="A stable code for programs.")
    detail: str = Field(description="An explanation for people, with the share of values concerned.")


class PreviewRead(ReadingRead):
    """The users that the definition selects, exactly."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **EXAMPLE_READING,
                    "matched_users": 1204,
                    "sample_user_ids": ["user-123", "user-456"],
                    "sql": "-- all profiles\nSELECT base64Encode(toString(groupBitmapState(n))) FROM profiles FINAL"
                    " WHERE tenant_id = 1 AND …;",
                    "universe": 60000,
                    "per_condition": [{"path": "definition.conditions[0]", "kept": 1204, "dropped": 58796}],
                    "warnings": [],
                }
            ]
        }
    )

    matched_users: int = Field(description="How many users the definition selects.")
    sample_user_ids: tuple[str, ...] = Field(description="At most `limit` of their ids, spread evenly over all.")
    sql: str = Field(
        description="The statements that a run would send, with values in place of parameters, for people to read."
        " `POST /api/segments/membership/sql/` returns them with their parameters and estimates."
    )
    universe: int = Field(description=UNIVERSE)
    per_condition: tuple[ConditionShare, ...] = Field(description="Every condition and every group but the outermost.")
    warnings: tuple[ValueWarning, ...] = Field(
        description="Filters that do not fit the values in a sample of events: `unreadable-values`, `mixed-types`,"
        " `short-instants`, `unknown-value`, `expired-events`."
    )

    @classmethod
    def of(cls, preview: Preview, warnings: Sequence[LanguageFault]) -> PreviewRead:
        """Return the response for a preview."""
        return cls.model_validate(
            {
                **reading_fields(preview.reading),
                "matched_users": preview.members.count,
                "sample_user_ids": preview.members.sample,
                "sql": preview.sql,
                "universe": preview.universe,
                "per_condition": [
                    {"path": share.path, "kept": share.kept, "dropped": share.dropped}
                    for share in preview.per_condition
                ],
                "warnings": [
                    {"path": fault.path, "code": fault.code, "detail": fault.detail}
                    for fault in warnings[:MAX_WARNINGS]
                ],
            }
        )
