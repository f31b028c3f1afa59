"""Bugs that someone could make in the compiler or its SQL, each as one change of the source text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from types import CodeType, FunctionType, ModuleType

from segops_membership.compiler import definitions as compiler
from segops_membership.compiler import statements as sql_plans
from segops_membership.domain import set_algebra as algebra
from segops_membership.questions import count as compiler_values
from segops_membership.questions import sequence as sql_sequences
from segops_membership.questions import trait as sql_held
from segops_membership.sql import exact_sums as sql_aggregates
from segops_membership.sql import filters as sql_tests
from segops_membership.sql import json_paths as sql_properties
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
    """A module, and a text in it that is replaced wherever it stands."""

    name: str
    module: ModuleType
    old: str
    new: str

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Put the changed functions in the place of the module's own, wherever they were imported to."""
        changed = vars(_ChangedSource(self.module, self.old, self.new).load())
        own = {
            id(value): changed[name]
            for name, value in vars(self.module).items()
            if isinstance(value, FunctionType) and value.__module__ == self.module.__name__
        }
        places = [
            (module, name, value)
            for module in list(sys.modules.values())
            if module.__name__.startswith("segops_membership.")
            for name, value in vars(module).items()
            if id(value) in own
        ]
        try:
            for module, name, value in places:
                setattr(module, name, own[id(value)])
            yield
        finally:
            for module, name, value in places:
                setattr(module, name, value)


_PRESENT = "{property_of(check.keys, bind).present}"

MUTANTS = (
    Mutant("AND and OR swapped", compiler, 'group.logic == "AND"', 'group.logic == "OR"'),
    Mutant("negation of conditions ignored", compiler, "Not(expression) if negate", "expression if negate"),
    Mutant("negation of groups ignored", compiler, "_unless(group.negate, ", "_unless(False, "),
    Mutant("as_of ignored", compiler, "return None, as_of_ms", "return None, as_of_ms + 1_000_000"),
    Mutant(
        "window may end after as_of", compiler, "min(_point(window.to, as_of_ms), as_of_ms)", "_point(window.to, 0)"
    ),
    Mutant(
        "before includes its instant",
        compiler,
        'limit_ms = _point(condition.value, as_of_ms) - (condition.operator == "before")',
        "limit_ms = _point(condition.value, as_of_ms)",
    ),
    Mutant(
        "no event is not_within_last forgotten",
        compiler,
        'condition.operator == "not_within_last", is_early',
        "False, is_early",
    ),
    Mutant(
        "recency includes its start",
        compiler,
        "InstantIn(as_of_ms - check.value.milliseconds",
        "InstantIn(as_of_ms - 1 - check.value.milliseconds",
    ),
    Mutant(
        "negative filters not negated", compiler, "_test(check, as_of_ms), negated)", "_test(check, as_of_ms), False)"
    ),
    Mutant("in takes the first value only", compiler, "for value in check.value)))", "for value in check.value[:1])))"),
    Mutant("seed of a sample ignored", compiler, "if condition.seed is None else condition.seed", ""),
    Mutant(
        "sample cut at whole percents",
        compiler,
        "Decimal(str(condition.percent)) * 10_000",
        "int(condition.percent) * 10_000",
    ),
    Mutant("regularity reads one period less", compiler, "condition.of * period_ms", "(condition.of - 1) * period_ms"),
    Mutant("count of 0 not complemented", compiler_values, "Not(atom(high + 1, None))", "atom(1, max(high, 1))"),
    Mutant(
        "neq of counts as eq",
        compiler_values,
        'return Not(found) if operator == "neq"',
        'return found if operator == "neq"',
    ),
    Mutant("lt of counts as lte", compiler_values, "math.ceil(high) - 1", "math.ceil(high)"),
    Mutant(
        "neq per value as the complement", compiler_values, "[(1, low - 1), (high + 1, None)]", "[(high + 1, None)]"
    ),
    Mutant(
        "sum of nothing is absent",
        compiler_values,
        'condition.function == "sum" and low <= 0',
        'condition.function == "sum" and 1 <= 0',
    ),
    Mutant(
        "least of nothing satisfies",
        compiler_values,
        'AllOf((some(Compares("lte", high)), Not(some(Compares("lt", low)))))',
        'Not(some(Compares("lt", low)))',
    ),
    Mutant("gt of doubles as gte", compiler_values, "math.nextafter(low, math.inf), math.inf", "low, math.inf"),
    Mutant("complement of everyone", algebra, "return universe - ", "return universe.copy() if True else universe - "),
    Mutant("tenant of events ignored", sql_plans, 'kind = [f"tenant_id = {tenant}", ', "kind = ["),
    Mutant("duplicates counted", sql_plans, "EVENTS_TABLE if all(", "EVENTS_TABLE if True or all("),
    Mutant("duplicates counted beside none", sql_plans, "EVENTS_TABLE if all(", "EVENTS_TABLE if any("),
    Mutant("duplicates of several counted", sql_plans, "low=1, high=None", "high=None"),
    Mutant("duplicates counted up to a limit", sql_plans, "low=1, high=None", "low=1"),
    Mutant(
        "duplicates counted in a period",
        sql_plans,
        "RegularityPredicate(selection, count=1)",
        "RegularityPredicate(selection)",
    ),
    Mutant("what one atom checks is asked of all", sql_plans, "frozenset.intersection(", "frozenset().union("),
    Mutant("window includes its start", sql_plans, "timestamp > ", "timestamp >= "),
    Mutant("window excludes its end", sql_plans, "timestamp <= ", "timestamp < "),
    Mutant(
        "window only as wide as the widest", sql_plans, 'conditions.append(f"timestamp > ', '("").join(f"timestamp > '
    ),
    Mutant(
        "ties not broken by message_id",
        sql_plans,
        "{choose}({passes}, {ORDER_KEY}",
        "{choose}({passes}, (timestamp, -cityHash64(message_id))",
    ),
    Mutant(
        "ties of traits to the smaller message_id",
        sql_plans,
        "atom.test, bind)}, {ORDER_KEY}",
        "atom.test, bind)}, (timestamp, -toInt32(reinterpretAsUInt8(message_id)))",
    ),
    Mutant("first and last swapped", sql_plans, 'occurrence == "first"', 'occurrence == "last"'),
    Mutant(
        "has before where",
        sql_plans,
        "{ORDER_KEY}, {selected})",
        "{ORDER_KEY}, {passes} AND {selected})",
    ),
    Mutant("prefixes match reserved types", sql_selections, "{prefixed}NOT startsWith(event_type, '$')", "{prefixed}1"),
    Mutant(
        "prefix taken for a name",
        sql_selections,
        "startsWith(event_type, {bind.text(pattern.text)})",
        "event_type = {bind.text(pattern.text)}",
    ),
    Mutant(
        "high bound of counts dropped",
        sql_plans,
        'if atom.high is None else f"{at_least} AND',
        'if True else f"{at_least} AND',
    ),
    Mutant("period edges on the wrong side", sql_plans, "intDiv({age}, ", "intDiv({age} + 1, "),
    Mutant("regularity needs one period more", sql_plans, "{column}.2) >= ", "{column}.2) > "),
    Mutant("removed traits live on", sql_properties, "OR has(removed, {bind.text(key)})", ""),
    Mutant("whole numbers skipped", sql_properties, ", toFloat64({value}.:`Int64`)", ""),
    Mutant(
        "true equals 1",
        sql_properties,
        "toFloat64({value}.:`UInt64`))",
        "toFloat64({value}.:`UInt64`), toFloat64({value}.:`Bool`))",
    ),
    Mutant("objects not present", sql_properties, " OR notEmpty(JSONAllPaths(payload.^{name}))", ""),
    Mutant("elements counted from 1", sql_properties, "int(key) + 1)", "int(key))"),
    Mutant("dots within keys as between them", sql_properties, ".replace('.', '%2E')", ""),
    Mutant("missing fails negative filters", sql_tests, '(NOT {condition})"', f'(NOT {{condition}} AND {_PRESENT})"'),
    Mutant("numerals are no numbers", sql_tests, "toFloat64OrNull({found.text}), NULL)", "NULL, NULL)"),
    Mutant("anything like a number is one", sql_tests, "if(match({found.text}, {bind.text(_JSON_NUMBER)}), ", "if(1, "),
    Mutant("gt as gte", sql_tests, '"gt": ">"', '"gt": ">="'),
    Mutant(
        "between excludes its low end",
        sql_tests,
        "{number} >= {bind.number(test.low)}",
        "{number} > {bind.number(test.low)}",
    ),
    Mutant("contains ignores case", sql_tests, "ifNull(position(", "ifNull(positionCaseInsensitive("),
    Mutant("starts_with as ends_with", sql_tests, '"starts_with": "startsWith"', '"starts_with": "endsWith"'),
    Mutant("a dot matches a line feed", sql_tests, '_RE2_DOT: Final = "(?-s)"', '_RE2_DOT: Final = ""'),
    Mutant("milliseconds as seconds", sql_tests, ">= 1e11", "> 1e11"),
    Mutant("offset from UTC added", sql_tests, "- {sign} *", "+ {sign} *"),
    Mutant("ties of sums rounded up", sql_aggregates, "/ 2, is_even", "/ 2, True"),
    Mutant("small and huge numbers not added", sql_aggregates, "multiIf(empty({column}.4), ", "multiIf(1, "),
    Mutant("avg is sum", sql_aggregates, 'parts = 1 if atom.function == "sum" else', "parts = 1 if True else"),
    Mutant("minus zero is another value", sql_aggregates, "({found.number} + 0.0)", "({found.number})"),
    Mutant("false is the value 0", sql_aggregates, "{_FLAG_BITS} + ", "0 + "),
    Mutant(
        "counts per value without upper end",
        sql_aggregates,
        'more = "0" if high is None else',
        'more = "0" if True else',
    ),
    Mutant("null sums to 0", sql_aggregates, '[f"{column}.1 > 0", ', "["),
    Mutant("steps of one time follow each other", sql_sequences, "+ {_STEPS - 1} - step", "+ step"),
    Mutant(
        "an event is one step only",
        sql_sequences,
        "arrayFilter(number -> number >= 0, [{numbers}])",
        "arraySlice(arrayFilter(number -> number >= 0, [{numbers}]), 1, 1)",
    ),
    Mutant("steps of one type as if of several", sql_sequences, "len(set(patterns)) == len(patterns)", "True"),
    Mutant("steps by prefix as if of one type", sql_sequences, "pattern.exact for pattern", "True for pattern"),
    Mutant("sequence a millisecond too short", sql_sequences, "atom.within_ms *", "(atom.within_ms - 1) *"),
    Mutant("sequence however long", sql_sequences, "min(atom.within_ms * _STEPS, _LONGEST)", "_LONGEST"),
    Mutant("filters of steps ignored", sql_sequences, "*checks_sql(step.where, bind)", "*()"),
    Mutant("window of a sequence ignored", sql_sequences, "*window_sql((atom.after_ms, atom.until_ms), bind)", ""),
    Mutant("last step not needed", sql_sequences, "{column} = {bind.integer(len(atom.steps))}", "{column} > 0"),
    Mutant("three steps however long", sql_sequences, "windowFunnel({_within(atom)})", "windowFunnel({_LONGEST})"),
    Mutant("two steps however long", sql_sequences, " AND gap <= {_within(atom)}", ""),
    Mutant(
        "two steps in either order", sql_sequences, "bitAnd(gap, {_STEPS - 1}) = {_STEPS - 1}", "gap % {_STEPS} != 0"
    ),
    Mutant("two steps in the order of arrival", sql_sequences, "arraySort({column})", "{column}"),
    Mutant(
        "setting an equal value restarts",
        sql_held,
        "arrayAll(value -> value = {column}.1, {column}.2)",
        "empty({column}.2)",
    ),
    Mutant("changes since then ignored", sql_held, "arrayAll(value -> value = {column}.1, {column}.2)", "1"),
    Mutant("removals since then ignored", sql_held, "(2)({value}, {says} AND", "(2)({value}, {value} != '' AND"),
    Mutant("not held when set just then", sql_held, "timestamp <= {at}", "timestamp < {at}"),
    Mutant("5 and its numeral alike", sql_held, "concat('n', ", "concat('s', "),
    Mutant(
        "held nothing for less",
        compiler,
        "(passes, TraitPredicate(check.keys, Present()), Not(held))",
        "(passes, Not(held))",
    ),
    Mutant("held for longer and less swapped", compiler, 'held_for.operator == "gte"', 'held_for.operator == "lt"'),
)
