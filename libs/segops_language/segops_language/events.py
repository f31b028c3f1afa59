"""Names of events that the language gives a meaning to."""

from __future__ import annotations

from typing import Final

IDENTIFY_EVENT: Final = "$identify"
"""The event type of calls that set traits; the payload of such an event is the traits."""
