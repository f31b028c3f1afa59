"""Bodies for validating definitions."""

from __future__ import annotations

from pydantic import ConfigDict, Field, JsonValue

from segops_common.core.problems import Fault
from segops_common.web.fields import TenantFields
from segops_language import EXAMPLE, Optional
from segops_segments.api.schemas.bases import RequestBody, ResponseBody, TenantId
from segops_segments.service.validation.report import ValidationReport


class ValidateDefinition(TenantFields, RequestBody):
    """A definition to validate: any JSON value is accepted, and its errors are in the response."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"definition": EXAMPLE, "tenant": 1}, {"definition": EXAMPLE}]},
    )

    definition: JsonValue
    segment_id: Optional[TenantId] = Field(
        default=None, description="The segment of the tenant that would get the definition. Default: a new segment."
    )


class DefinitionFault(ResponseBody):
    """An error or a warning about one part of a definition."""

    path: str = Field(description="The part, as in `definition.conditions[2].value`.")
    code: str = Field(description="A stable code for programs.")
    detail: str = Field(description="An explanation for people.")

    @classmethod
    def of(cls, fault: Fault) -> DefinitionFault:
        """Return the response for a fault."""
        return cls(path=fault.path, code=fault.code, detail=fault.detail)


class ValidationReportRead(ResponseBody):
    """Whether the definition can be saved, and what in it looks like a mistake."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "valid": True,
                    "errors": [],
                    "warnings": [
                        {
                            "path": "definition.conditions[0].event_type",
                            "code": "unknown-event-type",
                            "detail": "No event of the type `purchse` has been received. Did you mean `purchase`?",
                        }
                    ],
                    "observed": True,
                    "changed_segments": [],
                }
            ]
        },
    )

    valid: bool
    errors: tuple[DefinitionFault, ...]
    warnings: tuple[DefinitionFault, ...] = Field(
        description="For a valid definition: `always-true`, `always-false`, `duplicate-condition`, `contradictory-filters`,"
        " `future-window`; with `tenant`, also"
        " `duplicate-segment`, `unknown-event-type`, `unknown-property`, `type-mismatch`, `unreadable-values`,"
        " `mixed-types`, `short-instants`, `unknown-value`, `expired-events`."
    )
    observed: bool = Field(
        description="Whether the definition was compared with the tenant's events. False without `tenant`, or while the"
        " events cannot be read."
    )

    changed_segments: tuple[int, ...] = Field(
        description="Segments of the tenant whose members change because dates, and times without a zone, are read as"
        " instants; earlier versions did not. Looked for when the definition reads instants itself: at most 50, ascending."
    )

    @classmethod
    def of(cls, report: ValidationReport) -> ValidationReportRead:
        """Return the response for a report."""
        errors = tuple(map(DefinitionFault.of, report.faults))
        warnings = tuple(map(DefinitionFault.of, report.warnings))
        changed = tuple(report.changed_segments)
        return cls(
            valid=not errors, errors=errors, warnings=warnings, observed=report.observed, changed_segments=changed
        )
