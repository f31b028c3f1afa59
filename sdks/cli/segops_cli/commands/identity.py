"""`segops ids`, `merge` and `unmerge`: which ids are one person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from segops_cli.bootstrap import connected
from segops_cli.commands.options import AsJson
from segops_cli.output import say, say_json

Merged = Annotated[str, typer.Argument(metavar="FROM", help="Id of the user who is merged.")]


def ids(
    user_id: Annotated[str, typer.Argument(help="A user id or an anonymous id.")],
    as_json: AsJson = False,
) -> None:
    """List the ids of a person, each with the event or the merge that joined it."""
    with connected() as api:
        answer = api.get(f"/api/identity/{quote(user_id, safe='')}/", **api.tenant)
    if as_json:
        say_json(answer)
        return
    say(answer["user_id"])
    for joined in answer["joined"]:
        say(f"  {joined['id']}: {_reason(joined)}")


def merge(
    from_user_id: Merged,
    into_user_id: Annotated[str, typer.Argument(metavar="INTO", help="Id of the user who remains.")],
    as_json: AsJson = False,
) -> None:
    """Let the events of a user belong to another one from now on."""
    with connected() as api:
        body = {**api.tenant, "from_user_id": from_user_id, "into_user_id": into_user_id}
        answer = api.post("/api/identity/merge/", body)
    if as_json:
        say_json(answer)
        return
    say(f"{from_user_id} is merged into {into_user_id} since {answer['merged_at']}.")


def unmerge(from_user_id: Merged, as_json: AsJson = False) -> None:
    """Undo a merge: the user is a person of its own from now on."""
    with connected() as api:
        answer = api.post("/api/identity/unmerge/", {**api.tenant, "from_user_id": from_user_id})
    if as_json:
        say_json(answer)
        return
    say(f"{from_user_id} is a user of its own since {answer['unmerged_at']}.")


def _reason(joined: Mapping[str, Any]) -> str:
    claim, merged = joined["claim"], joined["merge"]
    if claim:
        return f"named together with {claim['user_id']} at {claim['timestamp']} ({claim['message_id']})"
    return f"merged into {merged['into_user_id']} at {merged['merged_at']} by {merged['merged_by']}"
