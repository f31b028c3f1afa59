"""ClickHouse on one machine: the embedded engine behind ClickHouse's own HTTP interface.

The module runs as `python -m segops_local.clickhouse --data DIR --host 127.0.0.1 --port N`.
Known differences from a server: `session_id` is accepted but no session outlives its query (settings, temporary
tables and `USE` end with it), `client_protocol_version` and the native block compression of `compress=1` are
absent, formats with a header or footer of their own are built in memory before they are sent, the body of an
insert is taken as a whole before the insert starts, `INSERT ... SELECT FROM input()` is refused, and there are no
users, no `ON CLUSTER`, no Replicated engines and no Kafka engine.
"""
