"""From predicates to statements: as few as possible, since predicates that read the same rows share one.

There is one statement for each event type, one for each sequence, one for all traits, one for all samples, one for all
static lists, and one for the universe. Very many predicates on the same rows, or very long ones, take several.
A statement groups rows by profile, measures what its predicates need to know, and turns each verdict on a measure into
a bitmap over the dense numbers of the profiles.

Where ids are joined, it groups the rows of all ids of a person. On a cluster, whose shards know their own profiles only, a
second statement of each kind does so for the persons with several ids, and for no others.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Final, TypeVar, assert_never

from segops_common.contracts.warehouse import EVENTS_TABLE, PROFILE_SEEN_TABLE
from segops_language.events import IDENTIFY_EVENT
from segops_language.values import EventPattern
from segops_membership.domain.predicates import EventSelection, Predicate, PropertyCheck, StaticListPredicate
from segops_membership.questions.question import (
    NOT_KEPT,
    EventRows,
    IdentifyRows,
    OwnRows,
    ProfileRows,
    StaticListRows,
    Width,
)
from segops_membership.questions.registry import kind_of
from segops_membership.questions.static_list import STATIC_MEMBERS_TABLE, list_rows
from segops_membership.sql.joined import (
    EVERY_NUMBER,
    EVERY_PERSON,
    INVOLVED_KEYS,
    JOINED_KEYS,
    JOINED_TABLE,
    PERSON,
    PERSON_KEYS,
    person_bindings,
)
from segops_membership.sql.parameters import Bindings, select
from segops_membership.sql.selections import EVERY_ROW, Window, checks_sql, pattern_sql, window_sql

T = TypeVar("T")

_MERGED_EVENTS: Final = f"{EVENTS_TABLE} FINAL"
_MAX_PREDICATES: Final = 64
"""Per statement. Four statements for 200 conditions on one event type took five sixths of the time of a single one, and
a fifth when these were aggregates behind patterns. Several statements also report progress in between, and each has a
time limit of its own."""
_MAX_SQL_BYTES: Final = 120_000
"""ClickHouse accepts 128 KiB in a field of a request (`http_max_field_value_size`), and the text is one of them."""


class Grouping(Enum):
    """How the rows of a statement are grouped; by person, it reads `JOINED_TABLE`, which is sent along."""

    PROFILES = "each id by itself"
    PERSONS = "all ids of a person together"
    JOINED = "the same, of persons with several ids only"


@dataclass(frozen=True, slots=True)
class Statement:
    """One query whose single row has, in order, the bitmap of each predicate as its state in base64."""

    sql: str
    parameters: dict[str, object]
    predicates: tuple[Predicate, ...]
    width: Width = NOT_KEPT
    """Of its columns, each counted once although several predicates may share it."""
    decision: Statement | None = None
    """Decides the profiles in a last bitmap, after the bitmaps of the predicates. Its members belong to the first one too."""
    grouping: Grouping = Grouping.PROFILES


@dataclass(frozen=True, slots=True)
class _Tenant:
    """The tenant whose rows a statement reads, and how it groups them."""

    tenant_id: int
    grouping: Grouping

    @property
    def by_person(self) -> bool:
        return self.grouping is not Grouping.PROFILES

    def bindings(self) -> Bindings:
        return person_bindings() if self.by_person else Bindings()

    @property
    def key(self) -> str:
        """SQL: the key by which rows are grouped."""
        return f"{PERSON} AS person" if self.by_person else "user_key"

    @property
    def group(self) -> str:
        return "person" if self.by_person else "user_key"

    @property
    def result_key(self) -> str:
        """SQL: the key of a group, as `user_key`."""
        return "person AS user_key" if self.by_person else "user_key"

    def only(self, condition: str) -> str:
        """Return the condition on rows, restricted to the ids that count."""
        restrictions = {
            Grouping.PROFILES: "",
            Grouping.PERSONS: f" AND {EVERY_PERSON}",
            Grouping.JOINED: f" AND user_key IN ({INVOLVED_KEYS})",
        }
        return f"{condition}{restrictions[self.grouping]}" if condition else ""

    def numbers(self, tenant: str) -> str:
        """Return the condition on the profiles whose numbers a statement may return."""
        restrictions = {
            Grouping.PROFILES: "",
            Grouping.PERSONS: f" AND {EVERY_NUMBER}",
            Grouping.JOINED: f" AND user_key IN ({PERSON_KEYS})",
        }
        return f"tenant_id = {tenant}{restrictions[self.grouping]}"

    def statement(
        self,
        sql: str,
        bind: Bindings,
        predicates: tuple[Predicate, ...] = (),
        width: Width = NOT_KEPT,
        decision: Statement | None = None,
    ) -> Statement:
        return Statement(sql, bind.values, predicates, width, decision, self.grouping)


@dataclass(frozen=True, slots=True)
class _Scan:
    """The events that a statement must read: the others are outside of all windows, or fail what all predicates check."""

    window: Window
    where: frozenset[PropertyCheck]

    @classmethod
    def of(cls, selections: Collection[EventSelection]) -> _Scan:
        starts = [selection.start_ms for selection in selections if selection.start_ms is not None]
        start_ms = min(starts) if len(starts) == len(selections) else None
        window = start_ms, max(selection.end_ms for selection in selections)
        return cls(window, frozenset.intersection(*(selection.where for selection in selections)))

    def condition(self, selection: EventSelection, bind: Bindings) -> str:
        """Return the condition that an event of the scan is selected."""
        start_ms, end_ms = self.window
        conditions = [] if selection.end_ms == end_ms else [f"timestamp <= {bind.instant(selection.end_ms)}"]
        if selection.start_ms is not None and selection.start_ms != start_ms:
            conditions.append(f"timestamp > {bind.instant(selection.start_ms)}")
        conditions += checks_sql(selection.where - self.where, bind)
        return " AND ".join(conditions) or EVERY_ROW


@dataclass(frozen=True, slots=True)
class _OfEvents:
    """A predicate with the events that it selects."""

    predicate: Predicate
    selection: EventSelection


@dataclass(slots=True)
class _Groups:
    """Predicates by the statement that answers them."""

    by_pattern: defaultdict[EventPattern, list[_OfEvents]] = field(default_factory=lambda: defaultdict(list))
    with_own_rows: list[tuple[Predicate, OwnRows]] = field(default_factory=list)
    of_identify_calls: list[Predicate] = field(default_factory=list)
    of_profiles: list[Predicate] = field(default_factory=list)
    of_static_lists: list[StaticListPredicate] = field(default_factory=list)

    def add(self, predicate: Predicate) -> None:
        match kind_of(predicate).rows(predicate):
            case EventRows(selection):
                self.by_pattern[selection.pattern].append(_OfEvents(predicate, selection))
            case OwnRows() as rows:
                self.with_own_rows.append((predicate, rows))
            case IdentifyRows():
                self.of_identify_calls.append(predicate)
            case ProfileRows():
                self.of_profiles.append(predicate)
            case StaticListRows(static_list):
                self.of_static_lists.append(static_list)
            case rows:
                assert_never(rows)


def statements_for(
    tenant_id: int,
    predicates: Collection[Predicate],
    as_of_ms: int,
    grouping: Grouping = Grouping.PROFILES,
) -> Iterator[Statement]:
    """Yield few statements that together answer each of the predicates once."""
    of = _Tenant(tenant_id, grouping)
    groups = _Groups()
    for predicate in predicates:
        groups.add(predicate)
    for pattern, of_events in groups.by_pattern.items():
        for some in _shared_out(of_events):
            yield from _fitting(some, partial(_event_statement, of, pattern))
    for predicate, rows in groups.with_own_rows:
        yield _own_statement(of, predicate, rows)
    for traits in _shared_out(groups.of_identify_calls):
        yield from _fitting(traits, partial(_identify_statement, of, as_of_ms))
    if groups.of_profiles:
        yield from _fitting(groups.of_profiles, partial(_profile_statement, of))
    if groups.of_static_lists:
        yield from _fitting(groups.of_static_lists, partial(_static_list_statement, of))


def with_decisions(statements: Iterable[Statement]) -> Iterator[Statement]:
    """Yield each statement, and after it the one that decides the profiles which it leaves open."""
    for statement in statements:
        yield statement
        if statement.decision is not None:
            yield statement.decision


def _shared_out(predicates: list[T]) -> Iterator[list[T]]:
    """Yield as few lists as possible; predicates that are alike go together, because they compute much in common."""
    if len(predicates) <= _MAX_PREDICATES:
        return iter([predicates] if predicates else [])
    alike = sorted(predicates, key=repr)
    size = math.ceil(len(alike) / math.ceil(len(alike) / _MAX_PREDICATES))
    return (alike[start : start + size] for start in range(0, len(alike), size))


def _fitting(predicates: Sequence[T], statement_of: Callable[[Sequence[T]], Statement]) -> Iterator[Statement]:
    """Yield one statement, or several if its text would be longer than ClickHouse accepts."""
    statement = statement_of(predicates)
    if len(predicates) == 1 or len(statement.sql.encode()) <= _MAX_SQL_BYTES:
        yield statement
        return
    alike = sorted(predicates, key=repr)
    middle = len(alike) // 2
    yield from _fitting(alike[:middle], statement_of)
    yield from _fitting(alike[middle:], statement_of)


def universe_statement(tenant_id: int, as_of_ms: int) -> Statement:
    """Return the statement for everyone with an event at or before the instant; its one column is no predicate's.

    A profile is numbered with the first event known at that time. An earlier event may have arrived since, but none
    goes away: so only profiles that were numbered with a later one are looked up.
    """
    bind = Bindings()
    of_tenant, by_then = f"tenant_id = {bind.integer(tenant_id)}", f"<= {bind.instant(as_of_ms)}"
    later = select("user_key", "profiles FINAL", f"{of_tenant} AND NOT first_seen {by_then}")
    tail = f"GROUP BY user_key HAVING min(first_seen) {by_then}"
    earlier_since = select("user_key", PROFILE_SEEN_TABLE, f"{of_tenant} AND user_key IN ({later})", tail)
    existing = f"{of_tenant} AND (first_seen {by_then} OR user_key IN ({earlier_since}))"
    return Statement(select("base64Encode(toString(groupBitmapState(n)))", "profiles FINAL", existing), bind.values, ())


def person_universe_statement(tenant_id: int, as_of_ms: int) -> Statement:
    """Return the statement for every person with several ids, and with an event of any of them by the instant."""
    of = _Tenant(tenant_id, Grouping.JOINED)
    bind = of.bindings()
    tenant = bind.integer(tenant_id)
    tail = f"GROUP BY person HAVING min(first_seen) <= {bind.instant(as_of_ms)}"
    persons = bind.definitions + select(of.key, PROFILE_SEEN_TABLE, of.only(f"tenant_id = {tenant}"), tail)
    source = _numbered(select(of.result_key, f"({persons})"), tenant, of)
    return of.statement(select("base64Encode(toString(groupBitmapState(n)))", source), bind)


def joined_numbers_statement(tenant_id: int) -> Statement:
    """Return the statement for two bitmaps: the joined ids, and their persons."""
    bind = Bindings()
    involved = f"tenant_id = {bind.integer(tenant_id)} AND user_key IN ({INVOLVED_KEYS})"
    conditions = [f"user_key IN ({keys})" for keys in (JOINED_KEYS, PERSON_KEYS)]
    sql = _bitmaps(conditions, f"({select('user_key, n', 'profiles FINAL', involved)})")
    return Statement(sql, bind.values, (), grouping=Grouping.JOINED)


def _event_statement(of: _Tenant, pattern: EventPattern, items: Sequence[_OfEvents]) -> Statement:
    bind = of.bindings()
    tenant = bind.integer(of.tenant_id)
    scan = _Scan.of([item.selection for item in items])
    predicates = [item.predicate for item in items]
    measures = [
        kind_of(item.predicate).measure(item.predicate, scan.condition(item.selection, bind), bind) for item in items
    ]
    # Predicates that measure the same share a column: bound values are equal when their placeholders are.
    columns = {measure: f"c{i}" for i, measure in enumerate(dict.fromkeys(measures))}
    measures_sql = ", ".join(f"{measure} AS {name}" for measure, name in columns.items())
    of_type = [f"tenant_id = {tenant}", pattern_sql(pattern, bind)]
    conditions = " AND ".join([*of_type, *window_sql(scan.window, bind), *checks_sql(scan.where, bind)])
    verdicts = [
        kind_of(predicate).verdict(predicate, columns[measure], bind)
        for measure, predicate in zip(measures, predicates, strict=True)
    ]
    # Merging takes up to two thirds of the time while parts are young.
    source = _MERGED_EVENTS if any(kind_of(predicate).merges(predicate) for predicate in predicates) else EVENTS_TABLE
    sql = _by_user(measures_sql, verdicts, source, conditions, tenant, bind, of)
    by_column = dict(zip(measures, predicates, strict=True)).values()
    return of.statement(sql, bind, tuple(predicates), _width(by_column))


def _own_statement(of: _Tenant, predicate: Predicate, rows: OwnRows) -> Statement:
    bind = of.bindings()
    kind, tenant = kind_of(predicate), bind.integer(of.tenant_id)
    events = _MERGED_EVENTS if kind.merges(predicate) else EVENTS_TABLE
    subquery = f"({of.only(rows.subquery(tenant, events, bind))})"
    measures_sql = f"{kind.measure(predicate, EVERY_ROW, bind)} AS c0"
    verdict = kind.verdict(predicate, "c0", bind)
    is_open = f"NOT ({verdict}) AND {rows.is_open('c0', bind)}"
    sql = _by_user(measures_sql, [verdict, is_open], subquery, "", tenant, bind, of)
    measures = bind.definitions + select(f"{of.key}, {measures_sql}", subquery, "", f"GROUP BY {of.group}")
    open_profiles = select(of.group, f"({measures})", is_open)
    if of.by_person:
        # The rows of a person may have other keys than the person's own. The text must not double: its length is limited.
        opened, own = select("person", "opened"), select("key", JOINED_TABLE, "person IN opened")
        open_profiles = f"WITH opened AS ({open_profiles}) {opened} UNION ALL {own}"
    own_rows = f"({rows.decision.subquery(tenant, _MERGED_EVENTS, bind)} AND user_key IN ({open_profiles}))"
    decided = f"{rows.decision.measure} AS c0"
    decision = _by_user(decided, [rows.decision.verdict("c0", bind)], own_rows, "", tenant, bind, of)
    deciding = of.statement(decision, bind, (predicate,), rows.decision.width)
    return of.statement(sql, bind, (predicate,), kind.width, deciding)


def _identify_statement(of: _Tenant, as_of_ms: int, predicates: Sequence[Predicate]) -> Statement:
    bind = of.bindings()
    tenant = bind.integer(of.tenant_id)
    measures_sql = ", ".join(
        f"{kind_of(predicate).measure(predicate, EVERY_ROW, bind)} AS t{i}" for i, predicate in enumerate(predicates)
    )
    calls = (
        f"tenant_id = {tenant} AND event_type = {bind.text(IDENTIFY_EVENT)} AND timestamp <= {bind.instant(as_of_ms)}"
    )
    verdicts = [kind_of(predicate).verdict(predicate, f"t{i}", bind) for i, predicate in enumerate(predicates)]
    sql = _by_user(measures_sql, verdicts, _MERGED_EVENTS, calls, tenant, bind, of)
    return of.statement(sql, bind, tuple(predicates), _width(predicates))


def _profile_statement(of: _Tenant, predicates: Sequence[Predicate]) -> Statement:
    bind = of.bindings()
    source = select("user_id, n", "profiles FINAL", of.numbers(bind.integer(of.tenant_id)))
    conditions = [_row_condition(predicate, bind) for predicate in predicates]
    return of.statement(_bitmaps(conditions, f"({source})"), bind, tuple(predicates))


def _static_list_statement(of: _Tenant, predicates: Sequence[StaticListPredicate]) -> Statement:
    bind = of.bindings()
    tenant = bind.integer(of.tenant_id)
    fold = "GROUP BY segment_id, user_key HAVING argMax(present, list_version)"
    rows = of.only(list_rows(tenant, predicates, bind))
    listed = select("segment_id, user_key", STATIC_MEMBERS_TABLE, rows, fold)
    if of.by_person:
        listed = bind.definitions + select(f"segment_id, {PERSON} AS user_key", f"({listed})")
    source = _numbered(listed, tenant, of)
    conditions = [_row_condition(predicate, bind) for predicate in predicates]
    return of.statement(_bitmaps(conditions, source), bind, tuple(predicates))


def _row_condition(predicate: Predicate, bind: Bindings) -> str:
    """Return the verdict on a measure of single rows, which needs no grouping."""
    kind = kind_of(predicate)
    return kind.verdict(predicate, kind.measure(predicate, EVERY_ROW, bind), bind)


def _width(predicates: Collection[Predicate]) -> Width:
    widths = [kind_of(predicate).width for predicate in predicates]
    return Width(sum(width.of_profile for width in widths), sum(width.of_event for width in widths))


def _by_user(
    measures_sql: str, verdicts: list[str], source: str, where: str, tenant: str, bind: Bindings, of: _Tenant
) -> str:
    """Return the bitmaps of verdicts on the measures of each profile; a profile that passes none is not looked up.

    Verdicts are a query of their own: in the same query as the measures, as columns or as HAVING, they take up to twice
    the time.
    """
    tail = f"GROUP BY {of.group}"
    measures = bind.definitions + select(f"{of.key}, {measures_sql}", source, of.only(where), tail)
    named = {f"v{i}": verdict for i, verdict in enumerate(verdicts)}
    columns = ", ".join([of.result_key, *(f"{verdict} AS {name}" for name, verdict in named.items())])
    passing = select(columns, f"({measures})", " OR ".join(named))
    return _bitmaps(list(named), _numbered(passing, tenant, of))


def _bitmaps(conditions: list[str], source: str) -> str:
    columns = ", ".join(f"base64Encode(toString(groupBitmapStateIf(n, {condition})))" for condition in conditions)
    return select(columns, source)


def _numbered(profiles: str, tenant: str, of: _Tenant) -> str:
    numbers = select("user_key, n", "profiles FINAL", of.numbers(tenant))
    return f"({profiles}) AS found INNER JOIN ({numbers}) AS numbered USING (user_key)"
