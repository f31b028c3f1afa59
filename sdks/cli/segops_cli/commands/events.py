"""`segops track` and `segops tail`: send an event, and watch events arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Final

import typer

from segops_cli.api.client import Api
from segops_cli.api.sse import ServerEvent, lines_of, server_events
from segops_cli.bootstrap import connected
from segops_cli.clock import stopwatch
from segops_cli.commands.options import AsJson
from segops_cli.errors import usage
from segops_cli.output import say, say_json, warn

_LONGEST_STREAM_S: Final = 900


def track(
    user_id: Annotated[str, typer.Argument(help="Who did it.")],
    event_type: Annotated[str, typer.Argument(help="What they did, such as page_viewed.")],
    payload: Annotated[str | None, typer.Option(help="A JSON object with details.")] = None,
    message_id: Annotated[
        str | None, typer.Option(help="Id of the event. Sent again with it, the event counts once.")
    ] = None,
    timestamp: Annotated[str | None, typer.Option(help="When it happened, in RFC 3339. Default: now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send one event. When the command succeeds, the event is stored durably."""
    body: dict[str, Any] = {"user_id": user_id, "event_type": event_type, "payload": _object(payload)}
    body |= {"message_id": message_id} if message_id else {}
    body |= {"timestamp": timestamp} if timestamp else {}
    with connected() as api:
        accepted = api.post("/api/ingestion/track/", body)
    if as_json:
        say_json(accepted)
        return
    for warning in accepted["warnings"]:
        warn(f"warning: {warning['detail']}")
    repeated = " It was sent before, and counts once." if accepted["duplicates"] else ""
    say(f"Accepted as {accepted['message_ids'][0]}.{repeated}")


def tail(
    event_type: Annotated[str | None, typer.Option(help="Only events of this type.")] = None,
    user: Annotated[str | None, typer.Option(help="Only events of this user.")] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many events.")] = None,
    seconds: Annotated[int | None, typer.Option("--for", min=1, help="End after so many seconds.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show events as soon as they are accepted, until Ctrl-C. With --json, each is a line of JSON."""
    filters = {"event_type": event_type, "user_id": user}
    shown = 0
    with connected() as api:
        for event in _followed(api, {name: value for name, value in filters.items() if value}, seconds):
            if event.name == "gap":
                warn("warning: events are missing here; the log does not have them any more")
                continue
            _show(json.loads(event.data), as_json)
            shown += 1
            if shown == count:
                return


def _followed(api: Api, filters: dict[str, str], seconds: int | None) -> Iterator[ServerEvent]:
    """Yield events. A stream that ends is opened again where it ended."""
    began, last_id = stopwatch(), ""
    while True:
        left_s = _LONGEST_STREAM_S if seconds is None else seconds - int(stopwatch() - began)
        if left_s < 1:
            return
        params = {**api.tenant, **filters, "timeout": min(left_s, _LONGEST_STREAM_S)}
        headers = {"Last-Event-ID": last_id} if last_id else {}
        with api.stream("/api/explorer/events/stream/", params=params, headers=headers) as response:
            for event in server_events(lines_of(response.iter_bytes())):
                last_id = event.id
                yield event


def _show(event: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(event)
        return
    who = event["user_id"] or event["anonymous_id"]
    payload = event.get("payload")
    details = "" if not payload else f"  {json.dumps(payload, ensure_ascii=False)}"
    say(f"{event['occurred_at']}  {event['event_type']}  {who}{details}")


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise usage(f"--payload must be JSON: {error}") from None
    if not isinstance(value, dict):
        raise usage('--payload must be a JSON object, such as \'{"path": "/pricing"}\'')
    return value
