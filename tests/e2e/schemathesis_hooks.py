"""What schemathesis has to be told: how bodies go over the wire that are neither JSON nor text."""

import schemathesis

schemathesis.serializer.alias("application/x-ndjson", "application/octet-stream")
