"""The contract of `Consents`."""

from __future__ import annotations

from pydantic import JsonValue

from segops_language.events import Event
from segops_language.values.instants import from_ms
from segops_membership.domain.activations.consent import Consent
from segops_membership.domain.identity.merges import Resolution
from tests.contract.membership.conftest import Ports
from tests.corpus.builders import NOW_MS, event, new_tenant

BEFORE_MS = NOW_MS - 86_400_000
PATH = "consent.e\\.mail"
GIVEN: JsonValue = {"e.mail": True, "sms": False}
NOT_GIVEN: JsonValue = {"e.mail": False}


def said(user: str, value: JsonValue, *, at: int = 1) -> Event:
    return event(user, "$identify", at=at, consent=value)


async def test_the_last_event_that_sets_the_trait_counts(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(
        tenant,
        [
            said("given", NOT_GIVEN, at=1),
            said("given", GIVEN, at=2),
            event("given", "$identify", at=3, plan="pro"),
            event("given", "purchase", at=4, consent=NOT_GIVEN),
            said("withdrawn", NOT_GIVEN, at=2),
            said("withdrawn", GIVEN, at=1),
            said("removed", GIVEN, at=1),
            said("removed", None, at=2),
            said("emptied", GIVEN, at=1),
            said("emptied", {}, at=2),
            said("text", {"e.mail": "true"}),
            said("number", {"e.mail": 1}),
            said("flat", True),
            Event("dotted", "$identify", "dotted", 1, {"consent.e.mail": True}),
            event("silent", "purchase"),
        ],
    )
    users = ["given", "withdrawn", "removed", "emptied", "text", "number", "flat", "dotted", "silent", "nobody"]
    consents = await ports.consents.consents(tenant, users, PATH)
    once = {"given": Consent.GIVEN, **dict.fromkeys(("withdrawn", "removed", "emptied"), Consent.WITHDRAWN)}
    assert consents == {user: once.get(user, Consent.NEVER_GIVEN) for user in users}
    assert await ports.consents.consents(tenant, [], PATH) == {}
    assert await ports.consents.consents(new_tenant(), ["given"], PATH) == {"given": Consent.NEVER_GIVEN}


async def test_all_ids_of_a_person_count(ports: Ports) -> None:
    tenant = new_tenant()
    merges = [Resolution(1, from_ms(BEFORE_MS), "ben", "cid"), Resolution(2, from_ms(BEFORE_MS + 1), "eve", "ann")]
    await ports.store_facts(tenant, [], merges)
    events = [said("eve", GIVEN, at=1), said("cid", GIVEN, at=2), said("ben", NOT_GIVEN, at=3), said("dan", NOT_GIVEN)]
    await ports.store_events(tenant, events)
    consents = await ports.consents.consents(tenant, ["ann", "cid", "dan"], PATH)
    assert consents == {"ann": Consent.GIVEN, "cid": Consent.WITHDRAWN, "dan": Consent.NEVER_GIVEN}
