"""Bugs that someone could plant in the compiler or its SQL, each as one change of the source text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import CodeType, FunctionType, ModuleType

from segops_membership.compiler import definitions, statements
from segops_membership.domain import predicates, selections, set_algebra
from segops_membership.questions import (
    aggregate,
    count,
    match,
    regularity,
    sample,
    sequence,
    time,
    trait,
)
from segops_membership.sql import exact_sums, filters, instants, json_paths, scalars
from segops_membership.sql import selections as sql_selections


class _ChangedSource(SourceFileLoader):
    """Loads a module with a text replaced."""

    def __init__(self, module: ModuleType, old: str, new: str) -> None:
        super().__init__(module.__name__, str(module.__file__))
        self._old, self._new = old, new

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path).decode()
        assert self._old in source, "The compiler has changed: plant this bug where it is now."
        return self.source_to_code(source.replace(self._old, self._new).encode(), self.path)

    def load(self) -> ModuleType:
        spec = spec_from_loader(self.name, self)
        assert spec is not None
        changed = module_from_spec(spec)
        self.exec_module(changed)
        return changed


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module, and a text in it that is replaced everywhere."""

    name: str
    module: ModuleType
    old: str
    new: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Give the module's functions and constants the changed code and values, wherever they are referred to."""
        changed = _ChangedSource(self.module, self.old, self.new).load()
        functions = list(zip(_functions(self.module), _functions(changed), strict=True))
        own_code = [function.__code__ for function, _ in functions]
        constants = {name: value for name, value in vars(self.module).items() if isinstance(value, str | int | dict)}
        try:
            for function, other in functions:
                function.__code__ = other.__code__
            for name in constants:
                setattr(self.module, name, vars(changed)[name])
            yield
        finally:
            for (function, _), code in zip(functions, own_code, strict=True):
                function.__code__ = code
            for name, value in constants.items():
                setattr(self.module, name, value)


def _functions(module: ModuleType) -> list[FunctionType]:
    """Return the module's own functions and methods, in their order."""
    functions = []
    for owner in (module, *(value for value in vars(module).values() if isinstance(value, type))):
        if owner is module or owner.__module__ == module.__name__:
            members = (getattr(member, "__func__", member) for member in vars(owner).values())
            functions += [
                member
                for member in members
                if isinstance(member, FunctionType) and member.__module__ == module.__name__
            ]
    return functions


_PRESENT = "{property_of(check.keys, bind).present}"

COMPILER_MUTANTS = (
    Mutant("AND and OR swapped", definitions, 'group.logic == "AND"', 'group.logic == "OR"'),
    Mutant("negation of conditions ignored", predicates, "Not(expression) if negate", "expression if negate"),
    Mutant("negation of groups ignored", definitions, "negated_if(group.negate, ", "negated_if(False, "),
    Mutant("as_of ignored", selections, "return None, as_of_ms", "return None, as_of_ms + 1_000_000"),
    Mutant(
        "window may end after as_of",
        selections,
        "min(point_ms(window.to, as_of_ms), as_of_ms)",
        "point_ms(window.to, 0)",
    ),
    Mutant(
        "before includes its instant",
        time,
        'limit_ms = point_ms(condition.value, context.as_of_ms) - (condition.operator == "before")',
        "limit_ms = point_ms(condition.value, context.as_of_ms)",
    ),
    Mutant(
        "no event is not_within_last forgotten",
        time,
        'condition.operator == "not_within_last", is_early',
        "False, is_early",
    ),
    Mutant(
        "recency includes its start",
        selections,
        "InstantIn(as_of_ms - check.value.milliseconds",
        "InstantIn(as_of_ms - 1 - check.value.milliseconds",
    ),
    Mutant(
        "negative filters not negated",
        selections,
        "_test(check, as_of_ms), negated)",
        "_test(check, as_of_ms), False)",
    ),
    Mutant(
        "in takes the first value only",
        selections,
        "for value in check.value)))",
        "for value in check.value[:1])))",
    ),
    Mutant("seed of a sample ignored", sample, "if condition.seed is None else condition.seed", ""),
    Mutant(
        "sample cut at whole percents",
        sample,
        "Decimal(str(condition.percent)) * 10_000",
        "int(condition.percent) * 10_000",
    ),
    Mutant(
        "regularity reads one period less",
        regularity,
        "condition.of * period_ms",
        "(condition.of - 1) * period_ms",
    ),
    Mutant("count of 0 not complemented", count, "Not(predicate(high + 1, None))", "predicate(1, max(high, 1))"),
    Mutant(
        "neq of counts as eq",
        count,
        'negated_if(operator == "neq", expression)',
        "negated_if(False, expression)",
    ),
    Mutant("lt of counts as lte", count, "math.ceil(high) - 1", "math.ceil(high)"),
    Mutant("neq per value as the complement", count, "[(1, low - 1), (high + 1, None)]", "[(high + 1, None)]"),
    Mutant(
        "sum of nothing is absent",
        aggregate,
        'condition.function == "sum" and low <= 0',
        'condition.function == "sum" and 1 <= 0',
    ),
    Mutant(
        "least of nothing satisfies",
        aggregate,
        'AllOf((some(Compares("lte", high)), Not(some(Compares("lt", low)))))',
        'Not(some(Compares("lt", low)))',
    ),
    Mutant("gt of doubles as gte", aggregate, "math.nextafter(low, math.inf), math.inf", "low, math.inf"),
    Mutant(
        "complement of everyone",
        set_algebra,
        "return universe - ",
        "return universe.copy() if True else universe - ",
    ),
    Mutant(
        "held nothing for less",
        trait,
        "(passing, TraitPredicate(check.keys, Present()), Not(held))",
        "(passing, Not(held))",
    ),
    Mutant("held for longer and less swapped", trait, 'held_for.operator == "gte"', 'held_for.operator == "lt"'),
)
"""Found without an engine, too: the compiled predicates are wrong."""

SQL_MUTANTS = (
    Mutant("tenant of events ignored", statements, 'of_type = [f"tenant_id = {tenant}", ', "of_type = ["),
    Mutant(
        "duplicates counted",
        statements,
        "if any(kind_of(predicate).merges",
        "if False and any(kind_of(predicate).merges",
    ),
    Mutant(
        "duplicates counted with none",
        statements,
        "if any(kind_of(predicate).merges",
        "if all(kind_of(predicate).merges",
    ),
    Mutant("duplicates of several counted", count, "predicate.low == 1 and ", ""),
    Mutant("duplicates counted up to a limit", count, " and predicate.high is None", ""),
    Mutant(
        "duplicates counted in a period",
        regularity,
        "predicate.count > 1 or ",
        "",
    ),
    Mutant("what one predicate checks is asked of all", statements, "frozenset.intersection(", "frozenset().union("),
    Mutant("window includes its start", statements, "timestamp > ", "timestamp >= "),
    Mutant("window excludes its end", statements, "timestamp <= ", "timestamp < "),
    Mutant(
        "window only as wide as the widest",
        statements,
        'conditions.append(f"timestamp > ',
        '("").join(f"timestamp > ',
    ),
    Mutant(
        "ties not broken by message_id",
        match,
        "{choose}({passes}, {order}",
        "{choose}({passes}, (timestamp, -cityHash64(message_id))",
    ),
    Mutant(
        "ties of traits to the smaller message_id",
        trait,
        "predicate.test, bind)}, {order_key(bind, of_one_type=True)}",
        "predicate.test, bind)}, (timestamp, -toInt32(reinterpretAsUInt8(message_id)))",
    ),
    Mutant("first and last swapped", match, 'occurrence == "first"', 'occurrence == "last"'),
    Mutant(
        "has before where",
        match,
        "{order}, {selected})",
        "{order}, {passes} AND {selected})",
    ),
    Mutant(
        "prefixes match reserved types",
        sql_selections,
        "{prefixed}NOT startsWith(event_type, '$')",
        "{prefixed}1",
    ),
    Mutant(
        "prefix taken for a name",
        sql_selections,
        "startsWith(event_type, {bind.text(pattern.text)})",
        "event_type = {bind.text(pattern.text)}",
    ),
    Mutant(
        "high bound of counts dropped",
        count,
        'if predicate.high is None else f"{at_least} AND',
        'if True else f"{at_least} AND',
    ),
    Mutant("period edges on the wrong side", regularity, "intDiv({age}, ", "intDiv({age} + 1, "),
    Mutant("regularity needs one period more", regularity, "{enough} >= ", "{enough} > "),
    Mutant("removed traits live on", json_paths, "OR has(removed, {bind.text(key)})", ""),
    Mutant("whole numbers skipped", json_paths, ", toFloat64({value}.:`Int64`)", ""),
    Mutant(
        "true equals 1",
        json_paths,
        "toFloat64({value}.:`UInt64`))",
        "toFloat64({value}.:`UInt64`), toFloat64({value}.:`Bool`))",
    ),
    Mutant("objects not present", json_paths, " OR notEmpty(JSONAllPaths(payload.^{name}))", ""),
    Mutant("long integers in arrays are texts", json_paths, "{exact}, json), [{text}])", "json, json), [{text}])"),
    Mutant(
        "objects without a value are absent", json_paths, 'f"has(empty_objects, {bind.text(_listed(keys))})"', '"0"'
    ),
    Mutant("elements counted from 1", json_paths, "int(key) + 1)", "int(key))"),
    Mutant("dots within keys as between them", json_paths, ".replace('.', '%2E')", ""),
    Mutant("missing fails negative filters", filters, '(NOT {condition})"', f'(NOT {{condition}} AND {_PRESENT})"'),
    Mutant("numerals are no numbers", filters, "toFloat64OrNull({value.text}), NULL)", "NULL, NULL)"),
    Mutant(
        "anything like a number is one",
        filters,
        "if(match({value.text}, {bind.text(JSON_NUMBER)}), ",
        "if(1, ",
    ),
    Mutant("gt as gte", filters, '"gt": ">"', '"gt": ">="'),
    Mutant(
        "between excludes its low end",
        filters,
        "{number} >= {bind.number(test.low)}",
        "{number} > {bind.number(test.low)}",
    ),
    Mutant("contains ignores case", filters, "ifNull(position(", "ifNull(positionCaseInsensitive("),
    Mutant("starts_with as ends_with", filters, '"starts_with": "startsWith"', '"starts_with": "endsWith"'),
    Mutant("a dot matches a line feed", filters, '_RE2_DOT: Final = "(?-s)"', '_RE2_DOT: Final = ""'),
    Mutant("milliseconds as seconds", instants, ">= 1e11", "> 1e11"),
    Mutant("offset from UTC added", instants, "- {sign} *", "+ {sign} *"),
    Mutant("ties of sums rounded up", exact_sums, "/ 2, is_even", "/ 2, True"),
    Mutant("small and huge numbers not added", exact_sums, "multiIf(empty({column}.4), ", "multiIf(1, "),
    Mutant("avg is sum", exact_sums, 'parts = 1 if function == "sum" else', "parts = 1 if True else"),
    Mutant("minus zero is another value", scalars, "({value.number} + 0.0)", "({value.number})"),
    Mutant("false is the value 0", scalars, "{_FLAG_BITS} + ", "0 + "),
    Mutant(
        "counts per value without upper end",
        count,
        'more = "0" if high is None else',
        'more = "0" if True else',
    ),
    Mutant("null sums to 0", exact_sums, '[f"{column}.1 > 0", ', "["),
    Mutant("steps of one time follow each other", sequence, "at + {_STEPS - 1} - step", "at + step"),
    Mutant(
        "an event is one step only",
        sequence,
        "arrayFilter(number -> number >= 0, [{numbers}])",
        "arraySlice(arrayFilter(number -> number >= 0, [{numbers}]), 1, 1)",
    ),
    Mutant("an event is one of two steps only", sequence, "if({matches[1]}, 1, 2)", "2"),
    Mutant("steps of one type as if of several", sequence, "len(set(patterns)) == len(patterns)", "True"),
    Mutant("steps by prefix as if of one type", sequence, "pattern.exact for pattern", "True for pattern"),
    Mutant("sequence a millisecond too short", sequence, "predicate.within_ms *", "(predicate.within_ms - 1) *"),
    Mutant("sequence however long", sequence, "min(predicate.within_ms * _STEPS, _LONGEST)", "_LONGEST"),
    Mutant("two steps however long", sequence, "min(predicate.within_ms, _LONGEST)}", "_LONGEST}"),
    Mutant("steps of one time however long", sequence, " AND at - start <= {within}", ""),
    Mutant("filters of steps ignored", sequence, "*checks_sql(step.where, bind)", "*()"),
    Mutant(
        "window of a sequence ignored",
        sequence,
        "window_sql((predicate.start_ms, predicate.end_ms), bind)",
        "()",
    ),
    Mutant("last step not needed", sequence, "{column}.1 = {bind.integer(len(predicate.steps))}", "{column}.1 > 0"),
    Mutant("two steps in either order", sequence, "one % {_ROLES} >= 1 AND other % {_ROLES} <= 1", "1"),
    Mutant("two steps in the order of arrival", sequence, "arraySort({column})", "{column}"),
    Mutant("two steps of one time refused", sequence, "{same_time} AND ", "0 AND "),
    Mutant("steps of one time refused", sequence, "{column}.2 = ", "0 = "),
    Mutant(
        "both positions of an event counted",
        statements,
        "decision.subquery(tenant, _MERGED_EVENTS",
        "decision.subquery(tenant, EVENTS_TABLE",
    ),
    Mutant("position ignored by sequences", sequence, " + 1, position, ", " + 1, toUInt16(0), "),
    Mutant("message_id ignored by sequences", sequence, "position, {bind.event_id}, ", "position, '', "),
    Mutant(
        "an event is two steps",
        sequence,
        "arrayPushFront(arrayPopBack({_carried(predicate, starts, steps)}), 0)",
        "{_carried(predicate, starts, steps)}",
    ),
    Mutant("strict sequences as any", sequence, "if not predicate.strict:", "if True:"),
    Mutant("strict sequences without a second statement", sequence, '"0" if predicate.strict else ', ""),
    Mutant("strict sequences only where a time is shared", sequence, "{_is_chain(predicate, column, bind)} OR ", ""),
    Mutant(
        "only events of steps break a sequence", sequence, 'matches.append(f"({pattern_sql(_TRACKED, bind)})")', "..."
    ),
    Mutant("reserved events break a sequence", sequence, "start > 0 OR bitTest(step, {len(predicate.steps)})", "1"),
    Mutant("only first steps break a sequence", sequence, "bitTest(step, {len(predicate.steps)})", "bitTest(step, 0)"),
    Mutant("position ignored by the order of events", sql_selections, " * 65536 + position", ""),
    Mutant("event type ignored by the order of events", sql_selections, ", '\\\\0', event_type", ""),
    Mutant(
        "setting an equal value restarts",
        trait,
        "arrayAll(value -> value = {column}.1, {column}.2)",
        "empty({column}.2)",
    ),
    Mutant("changes since then ignored", trait, "arrayAll(value -> value = {column}.1, {column}.2)", "1"),
    Mutant("removals since then ignored", trait, "(2)({value}, {sets} AND", "(2)({value}, {value} != '' AND"),
    Mutant("not held when set just then", trait, "timestamp <= {since}", "timestamp < {since}"),
    Mutant("5 and its numeral alike", trait, "concat('n', ", "concat('s', "),
)

MUTANTS = COMPILER_MUTANTS + SQL_MUTANTS
