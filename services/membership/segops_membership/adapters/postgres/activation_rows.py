"""Rows of the tables of activations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

import sqlalchemy as sa

from segops_membership.domain.activations.activation import Delivery, EventName, HttpRequest, Settings
from segops_membership.domain.members.changes import ChangePosition


def settings_of(plain: Mapping[str, Any], secret: str | None) -> Settings:
    """Return settings as they were stored, also by a version that had fewer."""
    request = plain.get("request")
    return Settings(
        description=plain["description"],
        url=plain["url"],
        events=tuple(map(EventName, plain["events"])),
        max_change_share=plain["max_change_share"],
        secret=secret,
        consent=plain.get("consent"),
        file_format=plain.get("file_format"),
        request=None
        if request is None
        else HttpRequest(
            method=request["method"],
            headers=tuple((name, value) for name, value in request["headers"]),
            template=request["template"],
            batch_size=request["batch_size"],
        ),
    )


def position_of(position: ChangePosition | None) -> str | None:
    """Return a position as it is stored."""
    return None if position is None else json.dumps(astuple(position))


def delivery_of(row: sa.Row[Any]) -> Delivery:
    """Return a delivery of the log."""
    return Delivery(
        id=row.id,
        delivery_id=row.delivery_id,
        event=row.event,
        run_id=row.run_id,
        changes=row.changes,
        is_success=row.is_success,
        status_code=row.status_code,
        duration_ms=row.duration_ms,
        error=row.error,
        response=row.response,
        at=row.at,
        left_out=row.left_out,
    )
