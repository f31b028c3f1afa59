"""Tells schemathesis how to serialize bodies that are neither JSON nor text."""

import schemathesis

schemathesis.serializer.alias("application/x-ndjson", "application/octet-stream")
