"""Every question, collected from the files of this folder; an incomplete set fails at import, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Final

from segops_language.registry import KINDS
from segops_membership import questions
from segops_membership.domain.predicates import Predicate
from segops_membership.questions.question import PredicateKind, Question

_NO_QUESTIONS: Final = frozenset({"question", "registry"})


def _modules() -> Iterator[ModuleType]:
    for module in iter_modules(questions.__path__):
        if module.name not in _NO_QUESTIONS:
            yield import_module(f"{questions.__name__}.{module.name}")


def questions_by_type(modules: Iterable[ModuleType], condition_types: Collection[str]) -> dict[str, Question[Any]]:
    """Return the QUESTION of each condition type. Raises LookupError with the types that have none."""
    by_type: dict[str, Question[Any]] = {}
    for module in modules:
        question = getattr(module, "QUESTION", None)
        if isinstance(question, Question):
            by_type[question.condition_type] = question
    if absent := sorted(set(condition_types) - by_type.keys()):
        raise LookupError(f"These condition types have no QUESTION in {questions.__name__}: {', '.join(absent)}.")
    return by_type


def _predicate_kinds(modules: Iterable[ModuleType]) -> Iterator[PredicateKind[Any]]:
    for module in modules:
        for record in vars(module).values():
            if isinstance(record, Question):
                yield from record.predicates
            elif isinstance(record, PredicateKind):
                yield record


QUESTIONS: Final[Mapping[str, Question[Any]]] = questions_by_type(_modules(), KINDS)
PREDICATE_KINDS: Final[Mapping[type[Predicate], PredicateKind[Any]]] = {
    kind.predicate: kind for kind in _predicate_kinds(_modules())
}


def kind_of(predicate: Predicate) -> PredicateKind[Any]:
    """Return the kind of a predicate."""
    return PREDICATE_KINDS[type(predicate)]
