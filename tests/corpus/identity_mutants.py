"""Bugs that someone could plant where ids are joined, each as one change of the source text, by the way that shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segops_membership.adapters.clickhouse import evaluation
from segops_membership.adapters.clickhouse.identity import join_reader
from segops_membership.adapters.clickhouse.identity import joins as sent_joins
from segops_membership.adapters.log import tenant_tail
from segops_membership.domain.identity import joins, merges
from segops_membership.service import profile_loader
from segops_membership.service.identity import persons
from segops_membership.service.lookup import person_reads
from segops_membership.sql import joined
from tests.corpus.joins import Way
from tests.corpus.mutants import Mutant

_RUN_MUTANTS: Final = (
    Mutant("claims of the future count", joined, "HAVING first.1 <= {as_of}", "HAVING 1"),
    Mutant("later claims win", joined, "min(first_claim) AS first", "max(first_claim) AS first"),
    Mutant(
        "claims of all tenants count",
        joined,
        'f"{of_tenant} AND anonymous_key NOT IN ({users})',
        'f"anonymous_key NOT IN ({users})',
    ),
    Mutant("users can be claimed", joined, "AND anonymous_key NOT IN ({users}) ", ""),
    Mutant(
        "users of the future cannot be claimed",
        joined,
        "HAVING min(first_known) <= {as_of}",
        "HAVING toYear(min(first_known)) < 2299",
    ),
    Mutant("merged users can be claimed", joined, " AND anonymous_key NOT IN ({named})", ""),
    Mutant("merges of the claimant ignored", joined, "if(merged.user_key = holder, merged.person, holder)", "holder"),
    Mutant("merges of the future count", joined, 'f"{of_tenant} AND at <= {as_of}",', "of_tenant,"),
    Mutant("first merges win", joined, "argMax(canonical_key, at)", "argMin(canonical_key, at)"),
    Mutant(
        "unmerges ignored",
        joined,
        "argMax(canonical_key, at)",
        "argMaxIf(canonical_key, at, canonical_key != user_key)",
    ),
    Mutant(
        "only claims are joins",
        joined,
        "(IDENTITY_CLAIMS_TABLE, IDENTITY_MERGES_TABLE)",
        "(IDENTITY_CLAIMS_TABLE,)",
    ),
    Mutant(
        "joined ids are in the universe",
        sent_joins,
        "bitmap - self.joined - self.persons",
        "bitmap - self.persons",
    ),
    Mutant(
        "persons need events of their own",
        evaluation,
        "yield person_universe_statement(tenant_id, as_of_ms)",
        "yield from ()",
    ),
)

_SPLIT_MUTANTS: Final = (
    Mutant(
        "ids split by their own keys",
        joined,
        '"(user_key IN ({joined}) OR user_key {own} AND user_key NOT IN ({JOINED_KEYS}))"',
        '"user_key {own}"',
    ),
)

_LOOKUP_MUTANTS: Final = (
    Mutant("look-ups of the id itself", person_reads, "segments[persons[user_id]]", "segments.get(user_id, ())"),
    Mutant("look-ups by later joins", person_reads, "user_ids, instant_ms", "user_ids, 2**53"),
)

_NOW_MUTANTS: Final = (
    Mutant(
        "merges of the claimant not read", persons, "resolutions(tenant_id, holders - set(ids))", "resolutions(0, ())"
    ),
    Mutant("later claims win now", joins, "claim.order < first", "claim.order > first"),
    Mutant("claims of the future count now", joins, "if claim.timestamp_ms <= as_of_ms and", "if"),
    Mutant(
        "users can be claimed now",
        joins,
        "{id for id, since_ms in facts.known_since.items()",
        "{id for id, since_ms in ()",
    ),
    Mutant(
        "first merges win now",
        joins,
        "latest[resolution.user_id] = resolution",
        "latest.setdefault(resolution.user_id, resolution)",
    ),
    Mutant(
        "merged users can be claimed now",
        joins,
        "for id in (resolution.user_id, resolution.canonical_id)",
        "for id in ()",
    ),
    Mutant("merged users left out", persons, "*(resolution.user_id for resolution in resolutions)", ""),
    Mutant(
        "claims in the log left out",
        persons,
        "*(claim.anonymous_id for claim in more.claims if claim.user_id in users)",
        "",
    ),
    Mutant("ids of others taken", persons, "if joined.get(id, id) in persons", "if True"),
    Mutant("users merged into the person not read", join_reader, " OR user_key IN ({merged})", ""),
    Mutant("ids join that may not", tenant_tail, 'row.get("joins") and ', ""),
    Mutant("users in the log unknown", tenant_tail, "min(self._known_since.get(user_id, at_ms), at_ms)", "2**60"),
    Mutant(
        "stored events of the id only",
        profile_loader,
        "read(tenant_id, person.ids, ",
        "read(tenant_id, (profile_id,), ",
    ),
    Mutant("events in the log of the id only", profile_loader, "events_of(person.ids)", "events_of((profile_id,))"),
    Mutant(
        "lists of the person only",
        profile_loader,
        "static_segments_of(tenant_id, person.ids,",
        "static_segments_of(tenant_id, (person.person_id,),",
    ),
    Mutant(
        "events of two ids alike read once", profile_loader, "identity = accepted.event.profile_id, ", "identity = "
    ),
    Mutant("the id named the person", profile_loader, "person_id=person.person_id,", "person_id=profile_id,"),
)

_MERGE_MUTANTS: Final = (
    Mutant("merges lead one step", merges, "graph.person(into_user_id), ", "into_user_id, "),
    Mutant(
        "those merged before stay",
        merges,
        "_moved(version, at, ids, person)",
        "_moved(version, at, (from_user_id,), person)",
    ),
    Mutant(
        "those merged before stay at an unmerge",
        merges,
        "graph.ids_of(from_user_id), from_user_id)",
        "(from_user_id,), from_user_id)",
    ),
    Mutant(
        "an unmerge leads to the other user",
        merges,
        "graph.ids_of(from_user_id), from_user_id)",
        "graph.ids_of(from_user_id), merge.into_user_id)",
    ),
    Mutant("two changes at one time", merges, "max(now, self.last_at + _STEP)", "now"),
    Mutant("cycles allowed", merges, "if person == from_user_id:", "if False:"),
)

IDENTITY_MUTANTS: Final[Mapping[Way, tuple[Mutant, ...]]] = {
    Way.SQL: _RUN_MUTANTS,
    Way.SPLIT: _SPLIT_MUTANTS,
    Way.LOOKUP: _LOOKUP_MUTANTS,
    Way.NOW: _NOW_MUTANTS,
    Way.MERGES: _MERGE_MUTANTS,
}

SHOWN_BY: Final[Mapping[str, int]] = {
    "claims of the future count": 0,
    "later claims win": 19,
    "claims of all tenants count": 0,
    "users can be claimed": 2,
    "users of the future cannot be claimed": 113,
    "merged users can be claimed": 113,
    "merges of the claimant ignored": 59,
    "merges of the future count": 0,
    "first merges win": 1,
    "unmerges ignored": 1,
    "only claims are joins": 8,
    "joined ids are in the universe": 1,
    "persons need events of their own": 1,
    "ids split by their own keys": 10,
    "look-ups of the id itself": 1,
    "look-ups by later joins": 0,
    "merges of the claimant not read": 13,
    "later claims win now": 19,
    "claims of the future count now": 0,
    "users can be claimed now": 113,
    "first merges win now": 8,
    "merged users can be claimed now": 3,
    "merged users left out": 1,
    "claims in the log left out": 113,
    "ids of others taken": 0,
    "users merged into the person not read": 1,
    "ids join that may not": 18,
    "users in the log unknown": 113,
    "stored events of the id only": 1,
    "events in the log of the id only": 113,
    "lists of the person only": 1,
    "events of two ids alike read once": 242,
    "the id named the person": 28,
    "merges lead one step": 0,
    "those merged before stay": 13,
    "those merged before stay at an unmerge": 71,
    "an unmerge leads to the other user": 1,
    "two changes at one time": 59,
    "cycles allowed": 2,
}
"""By the name of the bug: the seed of a world that shows it."""
