"""The error that every port may raise."""

from __future__ import annotations


class EngineUnavailable(Exception):
    """An engine does not answer, or lacks a resource. The call may or may not have taken effect; it can be repeated."""
