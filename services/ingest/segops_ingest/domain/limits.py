"""Limits of one event and one request. Text is measured in characters, sizes in bytes of compact JSON."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

MAX_EVENT_BYTES: Final = 32 * 1024
MAX_BATCH_EVENTS: Final = 1000
MAX_KEYS: Final = 2000
"""Keys of `payload`, `traits` or `context`, over all levels."""
USUAL_KEYS: Final = 64
"""An event with more keys is counted: most of its properties are beyond the columns that the warehouse has for payloads."""
MAX_DEPTH: Final = 16
"""Levels of objects and arrays in `payload`, `traits` or `context`, itself included."""

MAX_EVENT_TYPE_CHARS: Final = 200
MAX_MESSAGE_ID_CHARS: Final = 128
MAX_NAME_CHARS: Final = 200

OLDEST: Final = timedelta(days=400)
"""How old an event may be, unless it is imported: live events of a batch lie in few months, so they are one insert."""
OLDEST_IMPORTED: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_INSERT_MONTHS: Final = 50
"""Months of the events of one insert. ClickHouse refuses inserts into more than 100 partitions."""
LATEST: Final = timedelta(hours=24)
"""How far an event may be in the future: clocks of clients are wrong."""

MAX_MESSAGE_BYTES: Final = 512 * 1024
"""Bytes of one log record before compression: half of Kafka's default limit."""

CLOCK_SKEW: Final = timedelta(seconds=60)
"""The largest difference between `sent_at` and the receipt for which times are kept as they are."""
UNSURE_SKEW: Final = timedelta(seconds=30)
"""From here on, another attempt of the same event may differ by more than CLOCK_SKEW."""
