"""Who may create an account."""

from __future__ import annotations

from enum import StrEnum


class Registration(StrEnum):
    """Who may create an account."""

    OPEN = "open"
    """Everyone, with a tenant of their own or with an invite."""
    INVITED = "invited"
    """Those who have an invite."""
    CLOSED = "closed"
    """Nobody. Invites work for existing accounts only."""
