"""Atoms as statements: one for each event type, one for all traits, one for all samples, one for all static lists, one for
the universe. Where very much is asked of one event type, or of traits, it takes several.

Those of events read `events` merged, count per profile, and turn each condition on the counts into a bitmap over the
dense numbers of the profiles.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar, assert_never

from segops_common.contracts.warehouse import EVENTS_TABLE, PROFILE_SEEN_TABLE
from segops_language.events import IDENTIFY_EVENT
from segops_language.values import EventPattern
from segops_membership.domain.predicates import (
    AggregatePredicate,
    CountPredicate,
    DistinctCountPredicate,
    EventPredicate,
    EventSelection,
    HeldSincePredicate,
    MatchPredicate,
    PerValueCountPredicate,
    Predicate,
    PropertyCheck,
    RegularityPredicate,
    SamplePredicate,
    SequencePredicate,
    StaticListPredicate,
    TraitPredicate,
)
from segops_membership.questions.sequence import sequence_measure, sequence_rows, sequence_verdict
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE, list_rows
from segops_membership.questions.trait import held_measure, held_verdict
from segops_membership.sql.exact_sums import value_measure, value_verdict
from segops_membership.sql.filters import condition_sql
from segops_membership.sql.json_paths import Bindings, trait_present
from segops_membership.sql.selections import (
    EVERY_ROW,
    ORDER_KEY,
    Window,
    checks_sql,
    pattern_sql,
    select,
    window_sql,
)

T = TypeVar("T")

_MOST_ATOMS: Final = 64
"""Of one statement. Four statements for 200 conditions on one event type took five sixths of the time of a single one, and a
fifth when these were aggregates behind patterns; they also tell of progress on the way, and each has its own time."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One query whose single row holds, in order, the bitmap of each atom as its state in base64.

    `measured` has one atom for each column that is kept of a profile while the statement runs.
    """

    sql: str
    parameters: dict[str, object]
    atoms: tuple[Predicate, ...]
    measured: tuple[EventPredicate | SequencePredicate | TraitPredicate | HeldSincePredicate, ...] = ()


@dataclass(frozen=True, slots=True)
class _Read:
    """The events that some atom of a statement selects: those outside of all windows, or failing what all check, are not
    even grouped."""

    window: Window
    where: frozenset[PropertyCheck]


@dataclass(slots=True)
class _Questions:
    """Atoms by the statement that answers them."""

    by_pattern: defaultdict[EventPattern, list[EventPredicate]] = field(default_factory=lambda: defaultdict(list))
    traits: list[TraitPredicate | HeldSincePredicate] = field(default_factory=list)
    sequences: list[SequencePredicate] = field(default_factory=list)
    samples: list[SamplePredicate] = field(default_factory=list)
    lists: list[StaticListPredicate] = field(default_factory=list)

    def add(self, atom: Predicate) -> None:
        match atom:
            case TraitPredicate() | HeldSincePredicate():
                self.traits.append(atom)
            case SequencePredicate():
                self.sequences.append(atom)
            case SamplePredicate():
                self.samples.append(atom)
            case StaticListPredicate():
                self.lists.append(atom)
            case of_events:
                self.by_pattern[of_events.selection.pattern].append(of_events)


def statements_for(tenant_id: int, atoms: Collection[Predicate], as_of_ms: int) -> Iterator[Statement]:
    """Few statements that answer the atoms, each of them in one."""
    asked = _Questions()
    for atom in atoms:
        asked.add(atom)
    for pattern, of_events in asked.by_pattern.items():
        for some in _shared_out(of_events):
            yield _events(tenant_id, pattern, some)
    for sequence in asked.sequences:
        yield _sequence(tenant_id, sequence)
    for traits in _shared_out(asked.traits):
        yield _traits(tenant_id, traits, as_of_ms)
    if asked.samples:
        yield _samples(tenant_id, asked.samples)
    if asked.lists:
        yield _lists(tenant_id, asked.lists)


def _shared_out(atoms: list[T]) -> Iterator[list[T]]:
    """All of them, in as few lists as may be; those that are alike together, since they compute much in common."""
    if len(atoms) <= _MOST_ATOMS:
        return iter([atoms] if atoms else [])
    alike = sorted(atoms, key=repr)
    size = math.ceil(len(alike) / math.ceil(len(alike) / _MOST_ATOMS))
    return (alike[start : start + size] for start in range(0, len(alike), size))


def universe_statement(tenant_id: int, as_of_ms: int) -> Statement:
    """Everyone with an event at or before the instant; its single column belongs to no atom.

    A profile is numbered with the first event known then. An earlier one may have come since, but none goes: so only
    profiles that were numbered with a later one are looked up.
    """
    bind = Bindings()
    of_tenant, by_then = f"tenant_id = {bind.integer(tenant_id)}", f"<= {bind.instant(as_of_ms)}"
    later = select("user_key", "profiles FINAL", f"{of_tenant} AND NOT first_seen {by_then}")
    tail = f"GROUP BY user_key HAVING min(first_seen) {by_then}"
    earlier_since = select("user_key", PROFILE_SEEN_TABLE, f"{of_tenant} AND user_key IN ({later})", tail)
    known = f"{of_tenant} AND (first_seen {by_then} OR user_key IN ({earlier_since}))"
    return Statement(select("base64Encode(toString(groupBitmapState(n)))", "profiles FINAL", known), bind.values, ())


def _events(tenant_id: int, pattern: EventPattern, atoms: list[EventPredicate]) -> Statement:
    bind = Bindings()
    tenant = bind.integer(tenant_id)
    read = _read([atom.selection for atom in atoms])
    measures = [_measure(atom, read, bind) for atom in atoms]
    # Atoms that measure the same share a column: bound values are equal when their placeholders are.
    columns = {measure: f"c{i}" for i, measure in enumerate(dict.fromkeys(measures))}
    measured = ", ".join(f"{measure} AS {name}" for measure, name in columns.items())
    kind = [f"tenant_id = {tenant}", pattern_sql(pattern, bind)]
    conditions = " AND ".join([*kind, *window_sql(read.window, bind), *checks_sql(read.where, bind)])
    verdicts = [_verdict(columns[measure], atom, bind) for measure, atom in zip(measures, atoms, strict=True)]
    measured_atoms = tuple(dict(zip(measures, atoms, strict=True)).values())
    # Merging takes up to two thirds of the time while parts are young.
    source = EVENTS_TABLE if all(map(_takes_repetitions, atoms)) else f"{EVENTS_TABLE} FINAL"
    sql = _by_user(measured, verdicts, source, conditions, tenant, bind)
    return Statement(sql, bind.values, tuple(atoms), measured_atoms)


def _takes_repetitions(atom: EventPredicate) -> bool:
    """Whether an event that was delivered twice, perhaps with two payloads, gives the answer that one of them gives."""
    match atom:
        case CountPredicate(selection, low=1, high=None) | RegularityPredicate(selection, count=1):
            return not selection.where
        case _:
            return False


def _measure(atom: EventPredicate, read: _Read, bind: Bindings) -> str:
    """What to know of a profile's events that are read."""
    selected = _selected(atom.selection, read, bind)
    match atom:
        case PerValueCountPredicate() | DistinctCountPredicate() | AggregatePredicate():
            return value_measure(atom, selected, bind)
        case CountPredicate():
            return "count()" if selected == EVERY_ROW else f"countIf({selected})"
        case MatchPredicate(_, occurrence, has):
            choose = "argMinIf" if occurrence == "first" else "argMaxIf"
            passes = " AND ".join(["1", *checks_sql(has, bind)])
            return f"{choose}({passes}, {ORDER_KEY}, {selected})"
        case RegularityPredicate(selection, period_ms):
            age = f"({bind.integer(selection.until_ms)} - toUnixTimestamp64Milli(timestamp))"
            return f"sumMapIf([intDiv({age}, {bind.integer(period_ms)})], [toUInt64(1)], {selected})"
        case _:
            assert_never(atom)


def _verdict(column: str, atom: EventPredicate, bind: Bindings) -> str:
    """The condition on what is measured; false for a profile of which nothing was selected."""
    match atom:
        case PerValueCountPredicate() | DistinctCountPredicate() | AggregatePredicate():
            return value_verdict(column, atom, bind)
        case CountPredicate():
            return _range_sql(column, atom, bind)
        case MatchPredicate():
            return f"{column} = 1"
        case RegularityPredicate(_, _, count, at_least):
            return f"arrayCount(c -> c >= {bind.integer(count)}, {column}.2) >= {bind.integer(at_least)}"
        case _:
            assert_never(atom)


def _sequence(tenant_id: int, atom: SequencePredicate) -> Statement:
    bind = Bindings()
    tenant = bind.integer(tenant_id)
    rows = f"({sequence_rows(atom, tenant, bind)})"
    sql = _by_user(f"{sequence_measure(atom)} AS c0", [sequence_verdict("c0", atom, bind)], rows, "", tenant, bind)
    return Statement(sql, bind.values, (atom,), (atom,))


def _traits(tenant_id: int, atoms: list[TraitPredicate | HeldSincePredicate], as_of_ms: int) -> Statement:
    bind = Bindings()
    tenant = bind.integer(tenant_id)
    measured = ", ".join(f"{_trait_measure(atom, bind)} AS t{i}" for i, atom in enumerate(atoms))
    calls = (
        f"tenant_id = {tenant} AND event_type = {bind.text(IDENTIFY_EVENT)} AND timestamp <= {bind.instant(as_of_ms)}"
    )
    verdicts = [
        held_verdict(f"t{i}") if isinstance(atom, HeldSincePredicate) else f"t{i} = 1" for i, atom in enumerate(atoms)
    ]
    sql = _by_user(measured, verdicts, f"{EVENTS_TABLE} FINAL", calls, tenant, bind)
    return Statement(sql, bind.values, tuple(atoms), tuple(atoms))


def _trait_measure(atom: TraitPredicate | HeldSincePredicate, bind: Bindings) -> str:
    if isinstance(atom, HeldSincePredicate):
        return held_measure(atom, bind)
    says = trait_present(atom.keys[0], bind)
    return f"argMaxIf({condition_sql(atom.keys, atom.test, bind)}, {ORDER_KEY}, {says})"


def _samples(tenant_id: int, atoms: list[SamplePredicate]) -> Statement:
    bind = Bindings()
    source = select("user_id, n", "profiles FINAL", f"tenant_id = {bind.integer(tenant_id)}")
    conditions = [
        f"xxHash64(concat({bind.text(atom.seed + ':')}, user_id)) % 1000000 < {bind.integer(atom.below)}"
        for atom in atoms
    ]
    return Statement(_bitmaps(conditions, f"({source})"), bind.values, tuple(atoms))


def _lists(tenant_id: int, atoms: list[StaticListPredicate]) -> Statement:
    bind = Bindings()
    tenant = bind.integer(tenant_id)
    fold = "GROUP BY segment_id, user_key HAVING argMax(present, list_version)"
    listed = select("segment_id, user_key", STATIC_MEMBERS_TABLE, list_rows(tenant, atoms, bind), fold)
    source = _numbered(listed, tenant)
    conditions = [f"segment_id = {bind.integer(atom.segment_id)}" for atom in atoms]
    return Statement(_bitmaps(conditions, source), bind.values, tuple(atoms))


def _by_user(measured: str, verdicts: list[str], source: str, where: str, tenant: str, bind: Bindings) -> str:
    """The bitmaps of verdicts on what is measured of each profile; who passes none is not even looked up.

    Verdicts are a query of their own: beside what they are of, as columns or as HAVING, they take up to twice the time.
    """
    found = bind.definitions + select(f"user_key, {measured}", source, where, "GROUP BY user_key")
    named = {f"v{i}": verdict for i, verdict in enumerate(verdicts)}
    columns = ", ".join(["user_key", *(f"{verdict} AS {name}" for name, verdict in named.items())])
    passing = select(columns, f"({found})", " OR ".join(named))
    return _bitmaps(list(named), _numbered(passing, tenant))


def _bitmaps(conditions: list[str], source: str) -> str:
    columns = ", ".join(f"base64Encode(toString(groupBitmapStateIf(n, {condition})))" for condition in conditions)
    return select(columns, source)


def _numbered(profiles: str, tenant: str) -> str:
    numbers = select("user_key, n", "profiles FINAL", f"tenant_id = {tenant}")
    return f"({profiles}) AS found INNER JOIN ({numbers}) AS numbered USING (user_key)"


def _read(selections: Collection[EventSelection]) -> _Read:
    starts = [each.after_ms for each in selections if each.after_ms is not None]
    after_ms = min(starts) if len(starts) == len(selections) else None
    window = after_ms, max(each.until_ms for each in selections)
    return _Read(window, frozenset.intersection(*(each.where for each in selections)))


def _selected(selection: EventSelection, read: _Read, bind: Bindings) -> str:
    after_ms, until_ms = read.window
    conditions = [] if selection.until_ms == until_ms else [f"timestamp <= {bind.instant(selection.until_ms)}"]
    if selection.after_ms is not None and selection.after_ms != after_ms:
        conditions.append(f"timestamp > {bind.instant(selection.after_ms)}")
    conditions += checks_sql(selection.where - read.where, bind)
    return " AND ".join(conditions) or EVERY_ROW


def _range_sql(column: str, atom: CountPredicate, bind: Bindings) -> str:
    at_least = f"{column} >= {bind.integer(atom.low)}"
    return at_least if atom.high is None else f"{at_least} AND {column} <= {bind.integer(atom.high)}"
