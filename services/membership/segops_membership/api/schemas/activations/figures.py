"""Responses of analytics about activations."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import ConfigDict, Field

from segops_membership.api.schemas.activations.activations import DELIVERY_EXAMPLE, DeliveryRead
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, Response
from segops_membership.domain.activations.activation import Activation, DeliveryFigures


class ActivationFiguresRead(Response):
    """An activation with its segment and its last deliveries."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 7,
                    "segment_id": 42,
                    "segment_name": "Frequent buyers",
                    "connector_type": "webhook",
                    "status": "active",
                    "last_synced_at": EXAMPLE_INSTANT,
                    "last_error": "the receiver answered 500",
                    "member_count": 1204,
                    "success_rate": 0.98,
                    "sync_logs": [DELIVERY_EXAMPLE],
                }
            ]
        }
    )

    id: int
    segment_id: int
    segment_name: str | None = Field(description="Null if the segment was deleted.")
    connector_type: str
    status: Literal["inactive", "active", "disabled"]
    last_synced_at: datetime | None
    last_error: str | None
    member_count: int | None = Field(description="The size of the segment. Null before its first published run.")
    success_rate: float | None = Field(
        description="The share of the deliveries of the last 30 days that succeeded, from 0 to 1. Null without any."
    )
    sync_logs: tuple[DeliveryRead, ...] = Field(description="The newest ten deliveries, newest first.")

    @classmethod
    def of(
        cls, activation: Activation, figures: DeliveryFigures, name: str | None, size: int | None
    ) -> ActivationFiguresRead:
        """Return the response for an activation."""
        return cls(
            id=activation.id,
            segment_id=activation.segment_id,
            segment_name=name,
            connector_type=activation.connector,
            status=activation.status.value,
            last_synced_at=activation.last_synced_at,
            last_error=activation.last_error,
            member_count=size,
            success_rate=round(figures.succeeded / figures.count, 4) if figures.count else None,
            sync_logs=tuple(map(DeliveryRead.of, figures.newest)),
        )
