"""Log lines as JSON objects on standard output, one formatter for every process."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

from segops_common.telemetry.tracing import current_request_id, current_traceparent

# API keys, JSON Web Tokens, and passwords inside URLs: an error's text may quote any of them.
_CREDENTIAL = re.compile(r"[sp]k_(?:live|test)_\w+|\beyJ[\w-]+\.[\w-]+\.[\w-]*|(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")


class JsonFormatter(logging.Formatter):
    """Formats each record as one line: time (RFC 3339, UTC), level, service, role, logger, message, request id, trace id, fields, error.

    `fields` comes from `extra={"fields": {…}}`. Everything that looks like a credential is replaced by `[secret]`.
    """

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
        if traceparent := current_traceparent():
            line["trace_id"] = traceparent.split("-")[1]
        fields = getattr(record, "fields", None)
        if fields is not None:
            line["fields"] = fields
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return _CREDENTIAL.sub("[secret]", json.dumps(line, ensure_ascii=False, default=str))


def configure_logging(*, service: str, role: str, level: str = "INFO") -> None:
    """Write the records of every logger to standard output as JSON lines, from `level` on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service=service, role=role))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("alembic", "httpx", "httpcore", "aiokafka", "clickhouse_connect"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
