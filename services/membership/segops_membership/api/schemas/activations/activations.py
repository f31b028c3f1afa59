"""Requests and responses of activations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.web.fields import ListResponse, Optional, TenantFields, list_example
from segops_membership.api.schemas.activations.configs import (
    CONFIG_EXAMPLE,
    HIDDEN_SECRET,
    AnyConfigRead,
    ConfigChange,
    ConnectorConfig,
    config_of,
)
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, Id, RequestBody, Response
from segops_membership.domain.activations.activation import Activation, Delivery, Hold, Settings, Status
from segops_membership.service.activations.manage import ActivationChange

_HOLD: Final[JsonDict] = {
    "run_id": "12",
    "reason": "large-change",
    "size_before": 1200,
    "size": 80,
    "entered": 10,
    "exited": 1130,
}
ACTIVATION_EXAMPLE: Final[JsonDict] = {
    "id": 7,
    "segment": 42,
    "connector_type": "webhook",
    "description": "Newsletter tool",
    "config": {**CONFIG_EXAMPLE, "secret": HIDDEN_SECRET},
    "max_change_share": 0.5,
    "status": "active",
    "consent": "consent.marketing",
    "left_out": 12,
    "held": _HOLD,
    "failures": 0,
    "last_synced_at": EXAMPLE_INSTANT,
    "last_error": "the receiver answered 500",
    "created_at": EXAMPLE_INSTANT,
    "updated_at": EXAMPLE_INSTANT,
}
DELIVERY_EXAMPLE: Final[JsonDict] = {
    "id": 311,
    "delivery_id": "msg_5c1f0c6b9f2e4d7a8b3c1d2e3f405162",
    "event": "segment.recomputed",
    "run_id": "12",
    "changes": 0,
    "left_out": 0,
    "status": "succeeded",
    "response_status": 200,
    "duration_ms": 84,
    "response": "ok",
    "at": EXAMPLE_INSTANT,
}
Share = Annotated[
    float,
    Field(
        gt=0,
        le=100,
        description="Hold the changes of a run that enters and exits more than this share of the members, until somebody"
        " approves or discards them. Null: only a run that empties the segment is held.",
    ),
]
_ID_DIGITS = 18
Description = Annotated[str, Field(max_length=500)]
ConsentPath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        description="The path of a trait, such as `consent.marketing`. Users whose trait is not true are left out and counted;"
        " who has withdrawn the consent, or is erased, is still sent as exited. Null: every user is sent.",
    ),
]


class ActivationCreate(TenantFields, RequestBody):
    """A new activation. It is inactive: start it by `PATCH` with `{"status": "active"}`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"tenant": 1, "segment": 42, "connector_type": "webhook", "config": CONFIG_EXAMPLE}]
        }
    )

    segment: Id
    connector_type: Literal["webhook", "http", "file"]
    config: ConnectorConfig
    description: Description = ""
    max_change_share: Share | None = None
    consent: ConsentPath | None = None

    def settings(self) -> Settings:
        """Return the settings."""
        return replace(
            self.config.settings(),
            description=self.description,
            max_change_share=self.max_change_share,
            consent=self.consent,
        )


class ActivationUpdate(RequestBody):
    """What changes. Fields that are left out stay as they are."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "active"}]})

    status: Optional[Literal["active", "inactive"]] = Field(default=None)
    config: Optional[ConfigChange] = Field(default=None)
    description: Optional[Description] = Field(default=None)
    max_change_share: Share | None = None
    consent: ConsentPath | None = None

    def change(self) -> ActivationChange:
        """Return the change."""
        settings: dict[str, Any] = {}
        if self.description is not None:
            settings["description"] = self.description
        for name in ("max_change_share", "consent"):
            if name in self.model_fields_set:
                settings[name] = getattr(self, name)
        config = {} if self.config is None else self.config.changes()
        status = None if self.status is None else Status(self.status)
        return ActivationChange(settings=settings, config=config, status=status)


class HoldRead(Response):
    """A run whose changes wait until somebody approves or discards them."""

    run_id: str
    reason: Literal["emptied", "large-change"]
    size_before: int = Field(description="The size of the segment at the run that was sent last.")
    size: int
    entered: int
    exited: int

    @classmethod
    def of(cls, hold: Hold) -> HoldRead:
        """Return the response for a hold."""
        return cls(
            run_id=str(hold.run_id),
            reason=hold.reason.value,
            size_before=hold.before,
            size=hold.size,
            entered=hold.entered,
            exited=hold.exited,
        )


class ActivationRead(Response):
    """An activation."""

    model_config = ConfigDict(json_schema_extra={"examples": [ACTIVATION_EXAMPLE]})

    id: int
    segment: int
    connector_type: str
    description: str
    config: AnyConfigRead
    max_change_share: float | None
    consent: str | None = None
    left_out: int = Field(
        description="Users who were not sent because the trait of consent was not true, since the first start or the last replay."
    )
    status: Literal["inactive", "active", "disabled"] = Field(
        description="`disabled`: deliveries failed for three days, or the receiver answered 410. Set it to `active` to go on."
    )
    held: HoldRead | None
    failures: int = Field(description="Failures in a row since the last success. The delivery is repeated.")
    last_synced_at: datetime | None = Field(description="When the receiver confirmed changes last.")
    last_error: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, activation: Activation) -> ActivationRead:
        """Return the response for an activation."""
        settings = activation.settings
        return cls(
            id=activation.id,
            segment=activation.segment_id,
            connector_type=activation.connector,
            description=settings.description,
            config=config_of(settings),
            max_change_share=settings.max_change_share,
            consent=settings.consent,
            left_out=activation.left_out,
            status=activation.status.value,
            held=None if activation.hold is None else HoldRead.of(activation.hold),
            failures=activation.failures,
            last_synced_at=activation.last_synced_at,
            last_error=activation.last_error,
            created_at=activation.created_at,
            updated_at=activation.updated_at,
        )


class ActivationList(ListResponse[ActivationRead]):
    """Activations by ascending id."""

    model_config = list_example("/api/activations/", ACTIVATION_EXAMPLE)


class SyncQueued(Response):
    """Changes that were not sent are sent now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"status": "queued"}]})

    status: Literal["queued"] = "queued"


class TestQueued(Response):
    """A test delivery that is sent now. The log has it by its id."""

    __test__ = False
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"status": "queued", "delivery_id": "test_019b76da-a800-7000-8000-000000000000"}]
        }
    )

    status: Literal["queued"] = "queued"
    delivery_id: str


def _number(value: object) -> object:
    is_number = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _ID_DIGITS
    return int(value) if isinstance(value, str) and is_number else value


RunId = Annotated[Id, BeforeValidator(_number)]


class ActivationReplay(RequestBody):
    """Where to begin: at a cursor of the list of changes, with a run, or at the beginning or the end of all changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"start": "beginning"}, {"from_run": 12}]})

    cursor: Optional[Annotated[str, Field(min_length=1, max_length=512)]] = Field(default=None)
    from_run: Optional[RunId] = Field(default=None, description="A run, also as the text that answers show.")
    start: Optional[Literal["beginning", "now"]] = Field(default=None)


class DeliveryRead(Response):
    """One request to a receiver."""

    id: int
    delivery_id: str = Field(
        description="The header `webhook-id`, the same for every repetition of a request; for a file, the id of the export."
    )
    event: str
    run_id: str | None = Field(description="The run whose changes were sent. Null for a test.")
    changes: int = Field(description="Users in the request.")
    left_out: int = Field(description="Users who are not in the request because the trait of consent was not true.")
    status: Literal["succeeded", "failed"]
    response_status: int | None = Field(description="Null if the receiver did not answer.")
    duration_ms: int
    error: str | None = None
    response: str = Field(description="The first 1,024 bytes of the response; for a file, the path of its download.")
    at: datetime

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryRead:
        """Return the response for a delivery."""
        return cls(
            id=delivery.id,
            delivery_id=delivery.delivery_id,
            event=delivery.event,
            run_id=None if delivery.run_id is None else str(delivery.run_id),
            changes=delivery.changes,
            left_out=delivery.left_out,
            status="succeeded" if delivery.is_success else "failed",
            response_status=delivery.status_code,
            duration_ms=delivery.duration_ms,
            error=delivery.error,
            response=delivery.response,
            at=delivery.at,
        )


class DeliveryList(ListResponse[DeliveryRead]):
    """Deliveries of an activation, newest first. They are kept for 30 days."""

    model_config = list_example("/api/activations/7/logs/", DELIVERY_EXAMPLE)
