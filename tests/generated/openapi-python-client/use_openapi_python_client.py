"""Runs the quickstart with a client that openapi-python-client has made: ADDRESS SLUG USER."""

from __future__ import annotations

import json
import sys
import time

from segops_made import AuthenticatedClient, Client, models
from segops_made.api.accounts import sign_up
from segops_made.api.api_keys import create_api_key
from segops_made.api.ingestion import identify, track
from segops_made.api.members import list_segment_members
from segops_made.api.membership import get_membership
from segops_made.api.segments import compute_segment, create_segment, get_run, update_segment
from segops_made.api.sessions import create_token

url, slug, user = sys.argv[1:]
email, password = f"{slug}@example.com", "correct-horse-battery"

nobody = Client(url, raise_on_unexpected_status=True)
begun = models.SignUp(email=email, password=password, tenant_name=slug, tenant_slug=slug)
sign_up.sync(client=nobody, body=begun)
token = create_token.sync(client=nobody, body=models.SignIn(email=email, password=password))
person = AuthenticatedClient(url, token.access_token)
scopes = [models.Scope(scope) for scope in ("events:write", "segments:read", "membership:read")]
key = create_api_key.sync(client=person, body=models.CreateApiKey(name="backend", scopes=scopes)).key
program = AuthenticatedClient(url, key, prefix="ApiKey")

payload = models.TrackCallPayload.from_dict({"total": 5})
track.sync(client=program, body=models.TrackCall(user_id=user, event_type="bought", payload=payload))
traits = models.IdentifyCallTraits.from_dict({"plan": "starter"})
identify.sync(client=program, body=models.IdentifyCall(user_id=user, traits=traits))

segment = create_segment.sync(client=person, body=models.CreateSegment(name="by openapi-python-client"))
gte = models.EventCountOperator.GTE
condition = models.EventCount(type_="event_count", event_type="bought", operator=gte, value=1.0)
definition = models.Group(logic=models.GroupLogic.AND, conditions=[condition])
update_segment.sync(segment.id, client=person, body=models.UpdateSegment(definition=definition))
run_id = compute_segment.sync(segment.id, client=person, body=models.ComputeRequest()).run_id
while (run := get_run.sync(segment.id, run_id, client=person)).status in ("queued", "running"):
    time.sleep(0.1)

members = list_segment_members.sync(segment.id, client=program)
lookup = get_membership.sync(client=program, user_id=user)
sys.stdout.write(
    json.dumps([run.status, segment.id, [member.user_id for member in members.results], lookup.segment_ids]) + "\n"
)
