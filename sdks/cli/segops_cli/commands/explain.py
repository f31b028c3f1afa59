"""`segops explain`: why a user is in a segment, or is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from segops_cli.bootstrap import connected
from segops_cli.code.remote import Remote
from segops_cli.commands.options import AsJson
from segops_cli.output import say, say_json

_GROUPS: Final[Mapping[str, str]] = {"AND": "all of", "OR": "any of"}


def explain(
    user_id: Annotated[str, typer.Argument(help="Id of the user.")],
    segment: Annotated[str, typer.Argument(help="Id or exact name of the segment.")],
    as_json: AsJson = False,
) -> None:
    """Say which conditions hold for a user, by which events, and when time alone will change it."""
    with connected() as api:
        body = {**api.tenant, "user_id": user_id, "segment_id": Remote(api).find(segment)}
        answer = api.post("/api/segments/membership/explain/", body)
    if as_json:
        say_json(answer)
        return
    verdict = "is in" if answer["member"] else "is not in"
    unknown = "" if answer["known"] else " No event of this user is known."
    say(f"{user_id} {verdict} segment {segment}, as of {answer['as_of']}.{unknown}")
    if answer["stale"]:
        say("Some acknowledged events may be missing here.")
    for line in _tree(answer["tree"], 0):
        say(line)
    if answer.get("next_change_at"):
        say(f"Without new events, this changes at {answer['next_change_at']}.")


def _tree(node: dict[str, Any], depth: int) -> Iterator[str]:
    indent = "  " * depth
    sign = "yes" if node["holds"] else "no "
    name = _GROUPS.get(node.get("logic") or "", node["type"])
    opposite = "not " if node["negate"] else ""
    unmet = f"; required: {node['unmet']}" if node.get("unmet") else ""
    yield f"{indent}{sign} {opposite}{name}: {node['evidence']}{unmet}"
    for event in node["events"]:
        yield f"{indent}      {event['timestamp']} {event['event_type']} ({event['message_id']})"
    for child in node["children"]:
        yield from _tree(child, depth + 1)
