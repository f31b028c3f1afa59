"""Runs the quickstart with a client that openapi-generator has made: ADDRESS SLUG USER."""

from __future__ import annotations

import json
import sys
import time

import openapi_client as segops

url, slug, user = sys.argv[1:]
email, password = f"{slug}@example.com", "correct-horse-battery"
host = segops.Configuration(host=url)

with segops.ApiClient(host) as client:
    begun = segops.SignUp(email=email, password=password, tenant_name=slug, tenant_slug=slug)
    segops.AccountsApi(client).sign_up(begun)
    token = segops.SessionsApi(client).create_token(segops.SignIn(email=email, password=password))

person = segops.Configuration(host=url, access_token=token.access_token)
with segops.ApiClient(person) as client:
    scopes = [segops.Scope(scope) for scope in ("events:write", "segments:read", "membership:read")]
    key = segops.ApiKeysApi(client).create_api_key(segops.CreateApiKey(name="backend", scopes=scopes)).key

program = segops.Configuration(host=url, api_key={"apiKeyAuth": key}, api_key_prefix={"apiKeyAuth": "ApiKey"})
with segops.ApiClient(program) as client:
    ingestion = segops.IngestionApi(client)
    ingestion.track(segops.TrackCall(user_id=user, event_type="bought", payload={"total": 5}))
    ingestion.identify(segops.IdentifyCall(user_id=user, traits={"plan": "starter"}))

with segops.ApiClient(person) as client:
    segments = segops.SegmentsApi(client)
    segment = segments.create_segment(segops.CreateSegment(name="by openapi-generator"))
    count = segops.EventCount(type="event_count", event_type="bought", operator="gte", value=segops.Threshold(1.0))
    definition = segops.Group(logic="AND", conditions=[segops.Node(segops.Condition(count))])
    segments.update_segment(segment.id, segops.UpdateSegment(definition=definition))
    run_id = segments.compute_segment(segment.id).run_id
    while (run := segments.get_run(run_id, segment.id)).status in ("queued", "running"):
        time.sleep(0.1)

with segops.ApiClient(program) as client:
    members = segops.MembersApi(client).list_segment_members(segment.id)
    lookup = segops.MembershipApi(client).get_membership(user)
sys.stdout.write(
    json.dumps([run.status, segment.id, [member.user_id for member in members.results], lookup.segment_ids]) + "\n"
)
