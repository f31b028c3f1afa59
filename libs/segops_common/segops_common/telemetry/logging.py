"""Log lines as JSON objects on standard output, one formatter for every process."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from segops_common.telemetry.tracing import current_request_id


class JsonFormatter(logging.Formatter):
    """One line an event: time (RFC 3339, UTC), level, service, role, logger, message, request id, error."""

    def __init__(self, *, service: str, role: str) -> None:
        super().__init__()
        self._fixed = {"service": service, "role": role}

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            **self._fixed,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := current_request_id():
            line["request_id"] = request_id
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(*, service: str, role: str, level: str = "INFO") -> None:
    """Send every logger of this process to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service=service, role=role))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("httpx", "httpcore", "aiokafka", "clickhouse_connect"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
